// SPDX-License-Identifier: Apache-2.0
// floe-keeper's loop: one thread, no file, no network, nothing parsed but keeper/protocol.h.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "base/unix_socket.h"
#include "keeper/table.h"

namespace floe::keeper {

struct ServerOptions {
  std::string socket;           // path
  std::vector<uid_t> allowed;   // peers by SO_PEERCRED; root always is
  size_t max_connections = 64;  // further ones are closed at once
};

// Not thread safe.
class Server {
 public:
  // Listens. ALREADY_EXISTS when another keeper serves the path.
  static absl::StatusOr<Server> Listen(const ServerOptions& options);

  // Serves until kShutdown, or until `stop` (borrowed; readable = asked to end) while no /dev/fuse
  // descriptor is held: a keeper that holds one is the life of every running container's files, and
  // a service manager's SIGTERM alone may not end it. The socket's path is removed at the end.
  absl::Status Run(int stop);

 private:
  Server(const ServerOptions& options, UniqueFd listener)
      : options_(options), listener_(std::move(listener)) {}
  void Accept();
  // False: drop the connection.
  bool Serve(int client);
  bool Allowed(int client) const;

  ServerOptions options_;
  UniqueFd listener_;
  std::vector<UniqueFd> clients_;
  Table table_;
  bool shutdown_ = false;
};

}  // namespace floe::keeper
