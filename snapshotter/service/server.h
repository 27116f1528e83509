// SPDX-License-Identifier: Apache-2.0
// The gRPC server on its unix socket.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace floe::snapshotter {

// Not thread safe.
class GrpcServer {
 public:
  // Listens on `socket` (mode 0600: containerd runs as root; whoever may connect may mount). A
  // stale socket is replaced; FAILED_PRECONDITION when somebody serves there. `services` must
  // outlive it.
  static absl::StatusOr<GrpcServer> Start(const std::string& socket,
                                          const std::vector<grpc::Service*>& services);
  GrpcServer(GrpcServer&&) noexcept;
  GrpcServer& operator=(GrpcServer&&) = delete;
  ~GrpcServer();

  // Takes no new calls, lets the running ones end until `patience` is over, then cancels them.
  void Stop(std::chrono::milliseconds patience);

 private:
  explicit GrpcServer(std::unique_ptr<grpc::Server> server);
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace floe::snapshotter
