// SPDX-License-Identifier: Apache-2.0
// Where Prometheus asks a daemon: `GET /metrics` over HTTP on loopback or a unix socket.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "base/metrics.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe {

// One thread, one request a connection. Thread safe.
class MetricsEndpoint {
 public:
  // `address`: "127.0.0.1:PORT", "[::1]:PORT", "localhost:PORT", or the absolute path of a unix
  // socket (mode 0660). Other addresses are INVALID_ARGUMENT: nothing here knows who asks.
  // ALREADY_EXISTS when another process answers there; a socket that a dead one left is replaced.
  // `metrics` is borrowed. Port 0 takes a free one.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Listen(const std::string& address,
                                                                 const Metrics& metrics);
  // Ends the thread; a unix socket's path stays if it can no longer be removed.
  ~MetricsEndpoint();
  // Begins to answer; before, callers wait. For daemons that give up rights in between.
  void Serve();
  // 0 for a unix socket.
  uint16_t port() const { return port_; }

 private:
  MetricsEndpoint(UniqueFd listener, UniqueFd stop, std::string path, uint16_t port,
                  const Metrics& metrics);
  void Loop();
  void Answer(int client);

  const UniqueFd listener_;
  const UniqueFd stop_;
  const std::string path_;
  const uint16_t port_;
  const Metrics& metrics_;
  std::thread thread_;
};

}  // namespace floe
