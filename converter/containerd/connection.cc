// SPDX-License-Identifier: Apache-2.0
#include "converter/containerd/connection.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/bytes.h"

namespace floe::converter {
namespace {

constexpr int kMaxMessage = 16 << 20;  // what containerd sends and takes

std::string RandomName() {
  std::random_device random;
  Bytes bytes(16);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return absl::StrCat("floe-", ToHex(bytes));
}

std::shared_ptr<grpc::Channel> Connect(absl::string_view address) {
  absl::ConsumePrefix(&address, "unix://");
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessage);
  arguments.SetMaxSendMessageSize(kMaxMessage);
  // A channel of our own, not one shared with another connection that may be broken.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(absl::StrCat("unix:", address),
                                   grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

absl::Status FromGrpc(const grpc::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  // The canonical codes of gRPC and Abseil are the same numbers.
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  return absl::Status(code, absl::StrCat(what, ": containerd: ", status.error_message()));
}

ContainerdConnection::ContainerdConnection(const ContainerdOptions& options) : options_(options) {
  const std::shared_ptr<grpc::Channel> channel = Connect(options.address);
  content_ = content_v1::Content::NewStub(channel);
  images_ = images_v1::Images::NewStub(channel);
  leases_ = leases_v1::Leases::NewStub(channel);
}

absl::StatusOr<std::shared_ptr<ContainerdConnection>> ContainerdConnection::Open(
    const ContainerdOptions& options) {
  if (options.name_space.empty()) {
    return absl::InvalidArgumentError("containerd: the namespace is empty; give --namespace");
  }
  std::shared_ptr<ContainerdConnection> connection(new ContainerdConnection(options));
  FLOE_RETURN_IF_ERROR(connection->CreateLease());
  return connection;
}

ContainerdConnection::~ContainerdConnection() {
  if (lease_.empty()) return;
  grpc::ClientContext context;
  Prepare(context);
  leases_v1::DeleteRequest request;
  request.set_id(lease_);
  google::protobuf::Empty answer;
  // If this fails the lease ends by its own expiry.
  (void)leases_->Delete(&context, request, &answer);
}

void ContainerdConnection::Prepare(grpc::ClientContext& context, Deadline deadline) const {
  context.AddMetadata("containerd-namespace", options_.name_space);
  if (!lease_.empty()) context.AddMetadata("containerd-lease", lease_);
  if (deadline == Deadline::kYes) {
    context.set_deadline(std::chrono::system_clock::now() + options_.call_timeout);
  }
}

absl::Status ContainerdConnection::CreateLease() {
  grpc::ClientContext context;
  Prepare(context);
  const absl::Time end = absl::Now() + absl::FromChrono(options_.lease_time);
  leases_v1::CreateRequest request;
  request.set_id(RandomName());
  (*request.mutable_labels())["containerd.io/gc.expire"] =
      absl::FormatTime(absl::RFC3339_sec, end, absl::UTCTimeZone());
  leases_v1::CreateResponse answer;
  const grpc::Status status = leases_->Create(&context, request, &answer);
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    return absl::UnavailableError(absl::StrCat("containerd does not answer on ", options_.address,
                                               " (", status.error_message(),
                                               "); is it running, and is --address its socket?"));
  }
  FLOE_RETURN_IF_ERROR(FromGrpc(status, "lease"));
  lease_ = answer.lease().id();
  return absl::OkStatus();
}

absl::Status ContainerdConnection::Pin(const std::string& digest) {
  grpc::ClientContext context;
  Prepare(context);
  leases_v1::AddResourceRequest request;
  request.set_id(lease_);
  request.mutable_resource()->set_id(digest);
  request.mutable_resource()->set_type("content");
  google::protobuf::Empty answer;
  return FromGrpc(leases_->AddResource(&context, request, &answer), digest);
}

}  // namespace floe::converter
