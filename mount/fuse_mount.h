// SPDX-License-Identifier: Apache-2.0
// The FUSE file system that serves flat images: never attached to the tree and without allow_other,
// so that neither other users nor df can reach a raw image. Also the way to end such a connection.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe::mount {

struct FuseMount {
  UniqueFd device;  // /dev/fuse; as long as one duplicate is open somewhere the connection lives
  UniqueFd mount;   // the detached mount; files are opened relative to it (root only)
  std::string
      id;  // 32 hexadecimal digits, random: names this connection over restarts of everybody
};

// A new connection. Its INIT request waits in `device` for whoever serves it.
absl::StatusOr<FuseMount> CreateFuseMount();

// The number that the kernel gives the connection (its name under /sys/fs/fuse/connections). Asks
// the daemon nothing.
absl::StatusOr<uint32_t> FuseConnectionNumber(int mount);

struct FuseConnection {
  uint32_t number = 0;
  uint64_t waiting = 0;  // requests without an answer
};
// Every FUSE connection of the machine, floe's or not.
absl::StatusOr<std::vector<FuseConnection>> ListFuseConnections();

// Ends connection `number` for good: every request without an answer and every later one fails with
// ENOTCONN or ECONNABORTED, and what sleeps in the kernel for an answer wakes up. The last resort
// when the daemons are gone. NOT_FOUND when there is none.
absl::Status AbortFuseConnection(uint32_t number);

}  // namespace floe::mount
