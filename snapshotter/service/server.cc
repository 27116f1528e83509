// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/server.h"

#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/unique_fd.h"

namespace floe::snapshotter {
namespace {

constexpr int kMaxMessageBytes = 16 << 20;  // containerd's own limit

absl::Status RefuseIfServed(const std::string& path) {
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(absl::StrCat("socket path too long: ", path, " (at most ",
                                                   sizeof address.sun_path - 1,
                                                   " bytes); choose another --socket"));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe) return ErrnoStatus(errno, "socket");
  if (connect(probe.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address) ==
      0) {
    return absl::FailedPreconditionError(
        absl::StrCat("another process serves ", path, "; stop it, or choose another --socket"));
  }
  if (errno == ENOENT || errno == ECONNREFUSED) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("connect ", path));
}

}  // namespace

absl::StatusOr<GrpcServer> GrpcServer::Start(const std::string& socket,
                                             const std::vector<grpc::Service*>& services) {
  const size_t slash = socket.rfind('/');
  if (slash == std::string::npos || socket[0] != '/') {
    return absl::InvalidArgumentError(absl::StrCat("socket ", socket, " is no absolute path"));
  }
  FLOE_RETURN_IF_ERROR(RefuseIfServed(socket));
  if (slash > 0) FLOE_RETURN_IF_ERROR(MakeDirectories(socket.substr(0, slash), 0711));
  unlink(socket.c_str());

  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat("unix://", socket), grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  for (grpc::Service* service : services) builder.RegisterService(service);
  const mode_t before = umask(0177);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  umask(before);
  if (server == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot listen on ", socket, "; check that its directory exists and may be written"));
  }
  return GrpcServer(std::move(server));
}

GrpcServer::GrpcServer(std::unique_ptr<grpc::Server> server) : server_(std::move(server)) {}
GrpcServer::GrpcServer(GrpcServer&&) noexcept = default;
GrpcServer::~GrpcServer() = default;

void GrpcServer::Stop(std::chrono::milliseconds patience) {
  server_->Shutdown(std::chrono::system_clock::now() + patience);
  server_->Wait();
}

}  // namespace floe::snapshotter
