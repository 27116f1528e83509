// SPDX-License-Identifier: Apache-2.0
#include "mount/syscalls.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace floe::mount {
namespace {

// What the kernel wrote into the context's log ("e erofs: ..."), joined; empty when nothing.
std::string KernelWords(int context) {
  std::string words;
  char line[256];
  ssize_t n;
  while ((n = read(context, line, sizeof line)) > 0) {
    absl::string_view text(line, static_cast<size_t>(n));
    absl::ConsumeSuffix(&text, "\n");
    if (text.size() > 2 && text[1] == ' ') text.remove_prefix(2);  // severity
    absl::StrAppend(&words, words.empty() ? "" : "; ", text);
  }
  return words;
}

absl::Status ContextError(int error, int context, const std::string& what) {
  const std::string words = KernelWords(context);
  return ErrnoStatus(error, words.empty() ? what : absl::StrCat(what, " (", words, ")"));
}

absl::StatusOr<struct statx> Statx(int fd, const char* path, int flags) {
  struct statx result = {};
  if (statx(fd, path, flags | AT_STATX_DONT_SYNC, 0, &result) != 0) {
    return ErrnoStatus(errno, absl::StrCat("stat ", path));
  }
  return result;
}

}  // namespace

absl::StatusOr<UniqueFd> MakeDetachedMount(
    const std::string& type, const std::vector<std::pair<std::string, std::string>>& options,
    uint64_t attributes) {
  UniqueFd context(fsopen(type.c_str(), FSOPEN_CLOEXEC));
  if (!context) return ErrnoStatus(errno, absl::StrCat("fsopen ", type));
  for (const auto& [key, value] : options) {
    const bool flag = value.empty();
    if (fsconfig(context.get(), flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, key.c_str(),
                 flag ? nullptr : value.c_str(), 0) != 0) {
      return ContextError(errno, context.get(),
                          absl::StrCat("set ", key, " of a ", type, " mount"));
    }
  }
  if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return ContextError(errno, context.get(), absl::StrCat("create a ", type, " file system"));
  }
  UniqueFd mount(fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  if (!mount) return ContextError(errno, context.get(), absl::StrCat("fsmount ", type));
  return mount;
}

absl::Status MoveMount(int mount, const std::string& path) {
  if (move_mount(mount, "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return ErrnoStatus(errno, absl::StrCat("attach a mount at ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> CloneMount(const std::string& path) {
  UniqueFd tree(open_tree(AT_FDCWD, path.c_str(),
                          OPEN_TREE_CLONE | static_cast<unsigned>(OPEN_TREE_CLOEXEC)));
  if (!tree) return ErrnoStatus(errno, absl::StrCat("clone the mount at ", path));
  return tree;
}

absl::Status SetIdmap(int mount, int userns) {
  struct mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(userns);
  if (mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0) {
    return absl::OkStatus();
  }
  if (errno == EINVAL || errno == ENOSYS) {
    return absl::FailedPreconditionError(
        "this kernel cannot map user ids on EROFS mounts (needs Linux 5.19): run the container "
        "without a user namespace of its own, or update the kernel");
  }
  return ErrnoStatus(errno, "mount_setattr idmap");
}

absl::StatusOr<dev_t> DeviceOf(int fd) {
  FLOE_ASSIGN_OR_RETURN(const struct statx found, Statx(fd, "", AT_EMPTY_PATH));
  return makedev(found.stx_dev_major, found.stx_dev_minor);
}

absl::StatusOr<dev_t> DeviceOf(const std::string& path) {
  FLOE_ASSIGN_OR_RETURN(const struct statx found, Statx(AT_FDCWD, path.c_str(), 0));
  return makedev(found.stx_dev_major, found.stx_dev_minor);
}

absl::StatusOr<bool> IsMountPoint(const std::string& path) {
  FLOE_ASSIGN_OR_RETURN(const struct statx found, Statx(AT_FDCWD, path.c_str(), 0));
  if ((found.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0) {
    return absl::UnimplementedError("statx tells no mount points here (needs Linux 5.8)");
  }
  return (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace floe::mount
