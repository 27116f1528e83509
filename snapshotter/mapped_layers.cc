// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/mapped_layers.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/sha256.h"
#include "mount/syscalls.h"
#include "snapshotter/tree_walk.h"

namespace floe::snapshotter {
namespace {

// The kernel keeps what overlays stand on; detaching takes only the name away.
absl::Status DetachAt(const std::string& path) {
  FLOE_ASSIGN_OR_RETURN(const bool mounted, mount::IsMountPoint(path));
  if (mounted && umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
    return ErrnoStatus(errno, absl::StrCat("unmount ", path));
  }
  if (rmdir(path.c_str()) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, absl::StrCat("remove ", path));
  }
  return absl::OkStatus();
}

}  // namespace

std::string MappedLayers::PathFor(const mount::IdMapping& mapping) const {
  const Sha256Digest digest = Sha256::Of(AsBytes(mount::FormatIdMapping(mapping)));
  return absl::StrCat(directory_, "/", ToHex(digest).substr(0, 16));
}

absl::StatusOr<std::string> MappedLayers::Acquire(const mount::IdMapping& mapping,
                                                  const std::string& holder, SteadyTime deadline) {
  const std::string path = PathFor(mapping);
  MutexLock lock(mutex_);
  FLOE_RETURN_IF_ERROR(MakeDirectories(path, 0700));
  FLOE_ASSIGN_OR_RETURN(const bool mounted, mount::IsMountPoint(path));
  if (!mounted) {
    FLOE_ASSIGN_OR_RETURN(const UniqueFd clone, mount::CloneIdmapped(layers_, mapping, deadline));
    FLOE_RETURN_IF_ERROR(mount::MoveMount(clone.get(), path));
  }
  holders_[path].insert(holder);
  return path;
}

absl::Status MappedLayers::Release(const std::string& holder) {
  MutexLock lock(mutex_);
  absl::Status first;
  for (auto entry = holders_.begin(); entry != holders_.end();) {
    entry->second.erase(holder);
    if (!entry->second.empty()) {
      ++entry;
      continue;
    }
    first.Update(DetachAt(entry->first));
    entry = holders_.erase(entry);
  }
  return first;
}

absl::Status MappedLayers::Recover(const mount::IdMapping& mapping, const std::string& holder) {
  const std::string path = PathFor(mapping);
  MutexLock lock(mutex_);
  if (access(path.c_str(), F_OK) != 0) return absl::OkStatus();
  FLOE_ASSIGN_OR_RETURN(const bool mounted, mount::IsMountPoint(path));
  if (mounted) holders_[path].insert(holder);
  return absl::OkStatus();
}

absl::Status MappedLayers::Detach(Keep keep) {
  MutexLock lock(mutex_);
  auto directory = OpenFile(directory_, O_RDONLY | O_DIRECTORY);
  if (absl::IsNotFound(directory.status())) return absl::OkStatus();
  FLOE_RETURN_IF_ERROR(directory.status());
  FLOE_ASSIGN_OR_RETURN(const auto names, ListDirectory(directory->get()));
  absl::Status first;
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(directory_, "/", name);
    if (keep == Keep::kHeld && holders_.count(path) > 0) continue;
    holders_.erase(path);
    first.Update(DetachAt(path));
  }
  return first;
}

}  // namespace floe::snapshotter
