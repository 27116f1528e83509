// SPDX-License-Identifier: Apache-2.0
// One EROFS mount of a flat image that floe-fusefs serves: by file, or over a loop device where the
// kernel cannot. Everything that may wait for the daemon happens in a child process.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe::mount {

enum class Backend { kFile, kLoop };
absl::string_view BackendName(Backend backend);  // "file", "loop"

struct ErofsMount {
  UniqueFd mount;     // detached: gone when closed, until AttachMount
  std::string bdi;    // name under /sys/class/bdi; empty when it could not be told
  uint32_t loop = 0;  // kLoop: N of /dev/loopN, which frees itself after the last umount
};

// Mounts the file `name` of the detached FUSE mount `fuse` (ro,nosuid,nodev,noexec). Checks that
// the result is EROFS, and for kFile that no block device is below it. DEADLINE_EXCEEDED leaves
// nothing mounted, even if the kernel finishes later. FAILED_PRECONDITION when the kernel cannot do
// `backend`. Thread safe.
absl::StatusOr<ErofsMount> MountErofs(int fuse, const std::string& name, Backend backend,
                                      SteadyTime deadline);

// OK when `path` is the root of an EROFS mount; FAILED_PRECONDITION when something else is there
// (an empty directory after a reboot). Does not wait for the daemon.
absl::Status CheckErofs(const std::string& path);

// umount(2) of `path`, in a child: what the kernel cleans up may wait for the daemon. Not mounted
// is fine. Busy mounts (somebody's working directory) are detached instead, with a warning.
absl::Status UnmountErofs(const std::string& path, SteadyTime deadline);

// Readahead of a mount in KiB; holds for files opened from now on. INVALID_ARGUMENT for an empty
// `bdi`, NOT_FOUND when it is gone.
absl::Status SetReadahead(const std::string& bdi, uint32_t kib);
absl::StatusOr<uint32_t> GetReadahead(const std::string& bdi);

}  // namespace floe::mount
