// SPDX-License-Identifier: Apache-2.0
// User id mappings as containerd writes them, and clones of a mount seen through one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe::mount {

// Ids container..container+length-1 of the container are host..host+length-1 outside.
struct IdRange {
  uint32_t container = 0;
  uint32_t host = 0;
  uint32_t length = 0;
  bool operator==(const IdRange&) const = default;
};
struct IdMapping {
  std::vector<IdRange> uids;
  std::vector<IdRange> gids;
  bool operator==(const IdMapping&) const = default;
};

// "container:host:length[,...]" twice, the values of the snapshot labels
// containerd.io/snapshot/uidmapping and gidmapping. INVALID_ARGUMENT for anything else, for empty
// or overflowing ranges and for more than 340 of them (the kernel's limit).
absl::StatusOr<IdMapping> ParseIdMapping(absl::string_view uids, absl::string_view gids);
// The same form again: "0:100000:65536 0:100000:65536" (uids, a space, gids).
std::string FormatIdMapping(const IdMapping& mapping);
// What the id 0 of the container is outside (to chown upper and work directories).
// INVALID_ARGUMENT when the mapping has none.
struct HostRoot {
  uint32_t uid = 0;
  uint32_t gid = 0;
};
absl::StatusOr<HostRoot> MapRoot(const IdMapping& mapping);

// A user namespace that exists only to carry the mapping. Needs CAP_SYS_ADMIN and a fork.
absl::StatusOr<UniqueFd> MakeUserNamespace(const IdMapping& mapping, SteadyTime deadline);

// A detached clone of the mount at `path` whose owners are seen through `mapping`; attach it with
// MoveMount. FAILED_PRECONDITION where the kernel or the file system cannot do it.
absl::StatusOr<UniqueFd> CloneIdmapped(const std::string& path, const IdMapping& mapping,
                                       SteadyTime deadline);

}  // namespace floe::mount
