// SPDX-License-Identifier: Apache-2.0
// The control door: proto/control.proto over a SOCK_SEQPACKET unix socket.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <thread>

#include "base/executor.h"
#include "base/metrics.h"
#include "base/unique_fd.h"
#include "base/unix_socket.h"
#include "fusefs/daemon/image_table.h"

namespace floe::fusefs {

struct ControlOptions {
  uid_t allowed_uid = 0;         // besides root: the daemon's own user
  size_t max_connections = 512;  // further ones are closed at once
  size_t threads = 16;           // requests at work at the same time
};

// One thread waits for requests, and answers pings itself, so that they tell whether the daemon
// lives and not how much it has to do; a pool does the rest. Thread safe.
class ControlService {
 public:
  using LocalBytes = std::function<uint64_t(const store::ChunkRefs&)>;

  using UseKeeper = std::function<absl::Status(UniqueFd socket)>;

  // Serves `listener` until destroyed. The table and the metrics are borrowed.
  ControlService(UniqueFd listener, ImageTable& images, Metrics& metrics, LocalBytes local_bytes,
                 UseKeeper use_keeper, ControlOptions options);
  // Waits for requests at work.
  ~ControlService();

 private:
  struct Connection;

  void Loop();
  void Accept();
  bool Allowed(int socket) const;
  // Takes the message that has come; the pool answers it, but for a ping.
  void Receive(const std::shared_ptr<Connection>& connection);
  void Serve(Connection& connection, const Message& message, SteadyTime deadline);
  // The reply to one message; `descriptors` may get what goes beside it.
  std::string Answer(const Message& message, std::vector<UniqueFd>& descriptors);

  const UniqueFd listener_;
  const UniqueFd wake_;  // eventfd: a connection became idle, or stop
  ImageTable& images_;
  Metrics& metrics_;
  const LocalBytes local_bytes_;
  const UseKeeper use_keeper_;
  const ControlOptions options_;
  std::atomic<bool> stopping_{false};
  std::list<std::shared_ptr<Connection>> connections_;  // the loop's own
  std::unique_ptr<ThreadPool> pool_;
  std::thread thread_;
};

}  // namespace floe::fusefs
