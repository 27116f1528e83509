// SPDX-License-Identifier: Apache-2.0
// The FUSE connection in floe-keeper's hands: slots fuse.dev and fuse.mount (keeper/protocol.h).
#pragma once

#include "base/status.h"
#include "keeper/client.h"
#include "mount/fuse_mount.h"

namespace floe::mount {

// What the keeper holds. NOT_FOUND when it holds none, or one that has ended (aborted).
absl::StatusOr<FuseMount> LoadFuse(keeper::KeeperClient& keeper);

// Gives the keeper duplicates of `fuse`.
absl::Status StoreFuse(keeper::KeeperClient& keeper, const FuseMount& fuse);

// Makes a new connection and stores it. Whatever floe-fusefs saved about the old one's INIT goes,
// so that it greets the kernel anew, and so do the images, whose mounts ended with the old one: a
// handle that is counted as open there would never be released. Inode numbers are counted on.
absl::StatusOr<FuseMount> ReplaceFuse(keeper::KeeperClient& keeper);

// False once the kernel has ended the connection.
bool FuseAlive(const FuseMount& fuse);

}  // namespace floe::mount
