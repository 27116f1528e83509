// SPDX-License-Identifier: Apache-2.0
#include "mount/fusefs_client.h"

#include <algorithm>

#include "base/file.h"
#include "base/unix_socket.h"
#include "mount/wait_socket.h"
#include "proto/control.pb.h"

namespace floe::mount {
namespace {

constexpr uint64_t kMaxMetricsBytes = 64 << 20;
constexpr std::chrono::milliseconds kGrace(500);
constexpr int kAttempts = 3;  // a request that ends the daemon each time must not do so for ever

struct Answer {
  control::Reply reply;
  std::vector<UniqueFd> descriptors;
};

uint32_t MillisecondsLeft(SteadyTime deadline) {
  if (deadline == kNoDeadline) return 0;  // the daemon's own
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::Real().Now()).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(left, 1, 1 << 30));
}

// One exchange over a fresh connection. UNAVAILABLE when the daemon ended in the middle.
absl::StatusOr<Answer> Exchange(int socket, const control::Request& request,
                                const std::vector<int>& descriptors, SteadyTime deadline) {
  // The daemon keeps the deadline too, and its answer says more than our silence.
  if (deadline != kNoDeadline) deadline += kGrace;
  const std::string bytes = request.SerializeAsString();
  FLOE_RETURN_IF_ERROR(SendMessage(socket, AsBytes(bytes), descriptors, deadline));
  FLOE_ASSIGN_OR_RETURN(Message message, ReceiveMessage(socket, deadline));
  Answer answer;
  if (!answer.reply.ParseFromArray(message.bytes.data(), static_cast<int>(message.bytes.size()))) {
    return absl::InternalError("the answer is damaged");
  }
  answer.descriptors = std::move(message.descriptors);
  return answer;
}

// What the daemon said, verbatim.
absl::StatusOr<Answer> Unwrap(Answer answer) {
  const control::Reply& reply = answer.reply;
  if (reply.code() == 0) return answer;
  return absl::Status(static_cast<absl::StatusCode>(reply.code()), reply.message());
}

// Asks the daemon that runs, once.
absl::StatusOr<Answer> CallNow(const std::string& path, const control::Request& request,
                               const std::vector<int>& descriptors, SteadyTime deadline) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd socket, ConnectUnix(path));
  FLOE_ASSIGN_OR_RETURN(Answer answer, Exchange(socket.get(), request, descriptors, deadline));
  return Unwrap(std::move(answer));
}

// A daemon that ends in the middle is asked again once it is back: every request may be repeated.
absl::StatusOr<Answer> Call(const std::string& path, const control::Request& request,
                            const std::vector<int>& descriptors, SteadyTime deadline) {
  for (int attempt = 1;; ++attempt) {
    const absl::StatusOr<UniqueFd> socket = ConnectWhenServed(path, {}, deadline);
    if (!socket.ok()) {
      return Annotate(socket.status(), "floe-fusefs does not run, and did not come back in time");
    }
    absl::StatusOr<Answer> answer = Exchange(socket->get(), request, descriptors, deadline);
    if (answer.ok()) return Unwrap(*std::move(answer));
    if (!absl::IsUnavailable(answer.status()) || attempt == kAttempts) {
      return Annotate(answer.status(), "floe-fusefs");
    }
  }
}

FusefsClient::Image ToImage(const control::ImageInfo& info) {
  FusefsClient::Image image;
  image.name = info.name();
  image.manifest_id = info.manifest_id();
  image.inode = info.inode();
  image.size_bytes = info.size_bytes();
  image.open_count = info.open_count();
  image.closing = info.closing();
  image.local_bytes = info.local_bytes();
  image.sealed_bytes = info.sealed_bytes();
  return image;
}

}  // namespace

absl::StatusOr<FusefsClient::Opened> FusefsClient::OpenImage(const std::string& name, int manifest,
                                                             const std::string& label,
                                                             SteadyTime deadline,
                                                             MayRefuse may_refuse) const {
  control::Request request;
  request.mutable_open_image()->set_may_refuse(may_refuse == MayRefuse::kYes);
  request.mutable_open_image()->set_name(name);
  request.mutable_open_image()->set_label(label);
  request.mutable_open_image()->set_deadline_ms(MillisecondsLeft(deadline));
  FLOE_ASSIGN_OR_RETURN(const Answer answer, Call(socket_path_, request, {manifest}, deadline));
  const control::ImageOpened& opened = answer.reply.image_opened();
  return Opened{opened.inode(), opened.size_bytes(), opened.manifest_id(), opened.chunks()};
}

absl::Status FusefsClient::CloseImage(const std::string& name, SteadyTime deadline) const {
  control::Request request;
  request.mutable_close_image()->set_name(name);
  return Call(socket_path_, request, {}, deadline).status();
}

absl::StatusOr<std::vector<FusefsClient::Image>> FusefsClient::ListImages(
    SteadyTime deadline) const {
  control::Request request;
  request.mutable_list_images();
  FLOE_ASSIGN_OR_RETURN(const Answer answer, Call(socket_path_, request, {}, deadline));
  std::vector<Image> images;
  for (const control::ImageInfo& info : answer.reply.image_list().images()) {
    images.push_back(ToImage(info));
  }
  return images;
}

absl::Status FusefsClient::UseKeeper(int keeper, SteadyTime deadline) const {
  control::Request request;
  request.mutable_use_keeper();
  return CallNow(socket_path_, request, {keeper}, deadline).status();
}

absl::Status FusefsClient::CheckManifest(int manifest, SteadyTime deadline) const {
  control::Request request;
  request.mutable_check_manifest()->set_deadline_ms(MillisecondsLeft(deadline));
  return Call(socket_path_, request, {manifest}, deadline).status();
}

absl::StatusOr<std::string> FusefsClient::Metrics(SteadyTime deadline) const {
  control::Request request;
  request.mutable_metrics();
  FLOE_ASSIGN_OR_RETURN(const Answer answer, Call(socket_path_, request, {}, deadline));
  if (answer.descriptors.empty()) return absl::InternalError("floe-fusefs: metrics without a file");
  FLOE_ASSIGN_OR_RETURN(const Bytes text,
                        ReadWholeFd(answer.descriptors[0].get(), kMaxMetricsBytes));
  return std::string(AsText(text));
}

absl::StatusOr<FusefsClient::Daemon> FusefsClient::Ping(SteadyTime deadline) const {
  control::Request request;
  request.mutable_ping();
  FLOE_ASSIGN_OR_RETURN(const Answer answer, CallNow(socket_path_, request, {}, deadline));
  return Daemon{answer.reply.pong().pid(), answer.reply.pong().version()};
}

}  // namespace floe::mount
