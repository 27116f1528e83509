// SPDX-License-Identifier: Apache-2.0
#include "fusefs/daemon/control_service.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "proto/control.pb.h"

namespace floe::fusefs {
namespace {

constexpr std::chrono::seconds kDefaultDeadline(30);

control::Reply ErrorReply(const absl::Status& status) {
  control::Reply reply;
  reply.set_code(static_cast<uint32_t>(status.code()));
  reply.set_message(std::string(status.message()));
  return reply;
}

// For requests that are answered by having been done.
control::Reply DoneReply(const absl::Status& status) {
  return status.ok() ? control::Reply() : ErrorReply(status);
}

SteadyTime DeadlineAfter(uint32_t milliseconds) {
  const SteadyTime now = Clock::Real().Now();
  return milliseconds == 0 ? now + kDefaultDeadline : now + std::chrono::milliseconds(milliseconds);
}

// The one descriptor that a request brings.
absl::StatusOr<UniqueFd> TakeDescriptor(const Message& message) {
  if (message.descriptors.size() != 1) {
    return absl::InvalidArgumentError("the request must bring one descriptor");
  }
  UniqueFd fd(fcntl(message.descriptors[0].get(), F_DUPFD_CLOEXEC, 0));
  if (!fd) return ErrnoStatus(errno, "dup");
  return fd;
}

control::Reply OpenImage(ImageTable& images, const control::OpenImage& request,
                         const Message& message) {
  auto manifest = TakeDescriptor(message);
  if (!manifest.ok()) return ErrorReply(manifest.status());
  const auto opened = images.Open(request.name(), *std::move(manifest), request.label(),
                                  DeadlineAfter(request.deadline_ms()),
                                  request.may_refuse() ? MayRefuse::kYes : MayRefuse::kNo);
  if (!opened.ok()) {
    Log(LogLevel::kWarning, "image not opened",
        {{"image", request.label()},
         {"name", request.name()},
         {"reason", opened.status().message()}});
    return ErrorReply(opened.status());
  }
  control::Reply reply;
  control::ImageOpened& out = *reply.mutable_image_opened();
  out.set_inode(opened->image->inode);
  out.set_size_bytes(opened->image->size());
  out.set_manifest_id(opened->manifest.ToHex());
  out.set_chunks(static_cast<uint32_t>(opened->image->reader->manifest().chunks.size()));
  return reply;
}

control::Reply ListImages(const ImageTable& images, const ControlService::LocalBytes& local_bytes) {
  control::Reply reply;
  control::ImageList& list = *reply.mutable_image_list();
  for (const ImageState& state : images.States()) {
    control::ImageInfo& info = *list.add_images();
    const auto& chunks = state.image->reader->manifest().chunks;
    uint64_t sealed = 0;
    for (const store::ChunkRef& chunk : chunks) sealed += chunk.sealed_length;
    info.set_name(state.image->name);
    info.set_manifest_id(state.manifest.ToHex());
    info.set_inode(state.image->inode);
    info.set_size_bytes(state.image->size());
    info.set_open_count(state.open_count);
    info.set_closing(state.closing);
    info.set_local_bytes(local_bytes(chunks));
    info.set_sealed_bytes(sealed);
  }
  return reply;
}

control::Reply PongReply() {
  control::Reply reply;
  reply.mutable_pong()->set_pid(static_cast<uint32_t>(getpid()));
  reply.mutable_pong()->set_version(FLOE_VERSION);
  return reply;
}

absl::Status CheckManifest(const ImageTable& images, const Message& message) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd manifest, TakeDescriptor(message));
  return images.Check(manifest.get()).status();
}

absl::Status MoveKeeper(const ControlService::UseKeeper& use_keeper, const Message& message) {
  FLOE_ASSIGN_OR_RETURN(UniqueFd keeper, TakeDescriptor(message));
  return use_keeper(std::move(keeper));
}

bool IsPing(const Message& message) {
  control::Request request;
  return request.ParseFromArray(message.bytes.data(), static_cast<int>(message.bytes.size())) &&
         request.has_ping();
}

// The text in a memfd: it may be longer than a message.
control::Reply MetricsReply(const Metrics& metrics, std::vector<UniqueFd>& descriptors) {
  const std::string text = metrics.Text();
  UniqueFd fd(memfd_create("floe-metrics", MFD_CLOEXEC));
  if (!fd) return ErrorReply(ErrnoStatus(errno, "memfd_create"));
  if (const absl::Status written = WriteFullAt(fd.get(), AsBytes(text), 0); !written.ok()) {
    return ErrorReply(written);
  }
  descriptors.push_back(std::move(fd));
  return {};
}

}  // namespace

struct ControlService::Connection {
  UniqueFd socket;
  std::atomic<bool> busy{false};  // a request is at work: its answer comes first
  std::atomic<bool> broken{false};
};

ControlService::ControlService(UniqueFd listener, ImageTable& images, Metrics& metrics,
                               LocalBytes local_bytes, UseKeeper use_keeper, ControlOptions options)
    : listener_(std::move(listener)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      images_(images),
      metrics_(metrics),
      local_bytes_(std::move(local_bytes)),
      use_keeper_(std::move(use_keeper)),
      options_(options),
      pool_(std::make_unique<ThreadPool>("control", options.threads)),
      thread_([this] { Loop(); }) {
  fcntl(listener_.get(), F_SETFL, O_NONBLOCK);
}

ControlService::~ControlService() {
  stopping_ = true;
  (void)eventfd_write(wake_.get(), 1);
  thread_.join();
  pool_.reset();
}

bool ControlService::Allowed(int socket) const {
  const auto peer = PeerOf(socket);
  return peer.ok() && (peer->uid == 0 || peer->uid == options_.allowed_uid);
}

void ControlService::Accept() {
  auto socket = AcceptUnix(listener_.get());
  if (!socket.ok()) return;
  if (!Allowed(socket->get()) || connections_.size() >= options_.max_connections) {
    const std::string refusal =
        ErrorReply(absl::PermissionDeniedError("floe-fusefs answers root only"))
            .SerializeAsString();
    (void)SendMessage(socket->get(), AsBytes(refusal), {}, Clock::Real().Now());
    return;
  }
  auto connection = std::make_shared<Connection>();
  connection->socket = *std::move(socket);
  connections_.push_back(std::move(connection));
}

void ControlService::Loop() {
  pthread_setname_np(pthread_self(), "control-door");
  while (!stopping_) {
    connections_.remove_if([](const auto& connection) { return connection->broken.load(); });
    std::vector<struct pollfd> polled = {{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    std::vector<std::shared_ptr<Connection>> idle;
    for (const auto& connection : connections_) {
      if (connection->busy) continue;
      idle.push_back(connection);
      polled.push_back({connection->socket.get(), POLLIN, 0});
    }
    if (poll(polled.data(), polled.size(), -1) <= 0) continue;
    eventfd_t ignored;
    (void)eventfd_read(wake_.get(), &ignored);
    for (size_t i = 0; i < idle.size(); ++i) {
      if (polled[i + 2].revents == 0) continue;
      Receive(idle[i]);
    }
    if ((polled[0].revents & POLLIN) != 0) Accept();
  }
}

void ControlService::Receive(const std::shared_ptr<Connection>& connection) {
  const SteadyTime now = Clock::Real().Now();
  auto received = ReceiveMessage(connection->socket.get(), now);  // it is there
  if (!received.ok()) {
    connection->broken = true;
    return;
  }
  auto message = std::make_shared<Message>(*std::move(received));
  connection->busy = true;
  if (IsPing(*message)) {
    Serve(*connection, *message, now);
    return;
  }
  pool_->Run([this, connection, message] {
    Serve(*connection, *message, Clock::Real().Now() + std::chrono::seconds(5));
  });
}

void ControlService::Serve(Connection& connection, const Message& message, SteadyTime deadline) {
  std::vector<UniqueFd> descriptors;
  const std::string reply = Answer(message, descriptors);
  std::vector<int> borrowed;
  for (const UniqueFd& fd : descriptors) borrowed.push_back(fd.get());
  deadline = std::max(deadline, Clock::Real().Now());
  if (!SendMessage(connection.socket.get(), AsBytes(reply), borrowed, deadline).ok()) {
    connection.broken = true;
  }
  connection.busy = false;
  (void)eventfd_write(wake_.get(), 1);
}

std::string ControlService::Answer(const Message& message, std::vector<UniqueFd>& descriptors) {
  control::Request request;
  control::Reply reply;
  if (!request.ParseFromArray(message.bytes.data(), static_cast<int>(message.bytes.size()))) {
    return ErrorReply(absl::InvalidArgumentError("malformed control request")).SerializeAsString();
  }
  switch (request.kind_case()) {
    case control::Request::kOpenImage:
      reply = OpenImage(images_, request.open_image(), message);
      break;
    case control::Request::kCloseImage:
      reply = DoneReply(images_.Close(request.close_image().name()));
      break;
    case control::Request::kListImages:
      reply = ListImages(images_, local_bytes_);
      break;
    case control::Request::kMetrics:
      reply = MetricsReply(metrics_, descriptors);
      break;
    case control::Request::kPing:
      reply = PongReply();
      break;
    case control::Request::kCheckManifest:
      reply = DoneReply(CheckManifest(images_, message));
      break;
    case control::Request::kUseKeeper:
      reply = DoneReply(MoveKeeper(use_keeper_, message));
      break;
    case control::Request::KIND_NOT_SET:
      reply = ErrorReply(absl::UnimplementedError("control request of an unknown kind"));
  }
  // Also 0 is written: an empty message would look like a closed socket.
  if (!reply.has_code()) reply.set_code(0);
  return reply.SerializeAsString();
}

}  // namespace floe::fusefs
