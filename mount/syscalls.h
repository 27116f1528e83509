// SPDX-License-Identifier: Apache-2.0
// The kernel's mount calls (fsopen and its kin), with owners and errors that name the thing. All
// thread safe; none allocates in the kernel's name space of paths except MoveMount.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace floe::mount {

// A detached mount of a new instance of `type`, configured by key=value pairs (an empty value is a
// flag), with MOUNT_ATTR_* `attributes`. The kernel's own words are in the error. Only for file
// systems that answer at once: see MountErofs for those that wait for a daemon.
absl::StatusOr<UniqueFd> MakeDetachedMount(
    const std::string& type, const std::vector<std::pair<std::string, std::string>>& options,
    uint64_t attributes);

// Attaches a detached mount (fsmount, open_tree clone) at the existing directory `path`.
absl::Status MoveMount(int mount, const std::string& path);

// A detached clone of the one mount at `path` (not of those below it).
absl::StatusOr<UniqueFd> CloneMount(const std::string& path);

// Shows the owners of a detached clone through the mapping of the user namespace `userns`.
absl::Status SetIdmap(int mount, int userns);

// Device number of what `fd` is on, as the kernel has it cached: asks no daemon.
absl::StatusOr<dev_t> DeviceOf(int fd);
absl::StatusOr<dev_t> DeviceOf(const std::string& path);

// Whether `path` is the root of a mount. Asks no daemon.
absl::StatusOr<bool> IsMountPoint(const std::string& path);

}  // namespace floe::mount
