// SPDX-License-Identifier: Apache-2.0
#include "mount/erofs_mount.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "mount/child.h"
#include "mount/erofs_child.h"
#include "mount/readahead.h"
#include "mount/syscalls.h"

namespace floe::mount {
namespace {

constexpr unsigned kLoopMajor = 7;
// Other processes mount EROFS too; a second look settles which bdi is whose.
constexpr int kBdiAttempts = 4;

constexpr absl::string_view kNoFileBackend =
    "this kernel mounts EROFS from block devices only (files need Linux 6.12): use the loop back "
    "end";
constexpr absl::string_view kNoErofs =
    "this kernel has no EROFS: load the module erofs, or use a kernel that has it";
constexpr absl::string_view kNoLoop =
    "no loop device can be used: load the module loop, or use the file back end";

absl::Status Explain(const ChildReport& report, const std::string& what, Backend backend) {
  const auto unable = [&](absl::string_view remedy) {
    return absl::FailedPreconditionError(absl::StrCat(what, ": ", remedy));
  };
  const absl::string_view step = report.step;
  if (report.error == ENOTBLK && backend == Backend::kFile) return unable(kNoFileBackend);
  if (report.error == ENODEV && step == "fsopen erofs") return unable(kNoErofs);
  if (step == "open /dev/loop-control") return unable(kNoLoop);
  return report.ToStatus(what);
}

// In the child.
int MakeOverLoop(int fuse, const char* name, ChildReport& report) {
  const int file = openat(fuse, name, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    report.Fail("open the image");
    return -1;
  }
  uint32_t number = 0;
  if (AttachLoop(file, number, report) < 0) return -1;
  report.value = number;
  char device[32];
  std::snprintf(device, sizeof device, "/dev/loop%u", number);
  return MakeErofs(device, report);
}

absl::StatusOr<ErofsMount> MountInChild(int fuse, const std::string& name, Backend backend,
                                        SteadyTime deadline) {
  // Through the descriptor: the FUSE mount is nowhere in the tree.
  const std::string source = absl::StrCat("/proc/self/fd/", fuse, "/", name);
  const auto work = [&](ChildReport& report, int& descriptor) {
    descriptor = backend == Backend::kFile ? MakeErofs(source.c_str(), report)
                                           : MakeOverLoop(fuse, name.c_str(), report);
  };
  const std::string what = absl::StrCat("mount image ", name);
  FLOE_ASSIGN_OR_RETURN(ChildResult made, RunInChild(what, {fuse}, work, deadline));
  FLOE_RETURN_IF_ERROR(Explain(made.report, what, backend));
  return ErofsMount{std::move(made.descriptor), "", static_cast<uint32_t>(made.report.value)};
}

absl::Status CheckMade(const ErofsMount& made, const std::string& name, Backend backend) {
  struct statfs found = {};
  if (fstatfs(made.mount.get(), &found) != 0) return ErrnoStatus(errno, "statfs");
  FLOE_ASSIGN_OR_RETURN(const dev_t device, DeviceOf(made.mount.get()));
  const unsigned wanted = backend == Backend::kFile ? 0 : kLoopMajor;
  if (found.f_type == EROFS_SUPER_MAGIC_V1 && major(device) == wanted) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("image ", name, " was mounted with type ", found.f_type,
                                          " on device ", major(device), ":", minor(device),
                                          ", not as EROFS by ", BackendName(backend)));
}

absl::StatusOr<ErofsMount> MountFile(int fuse, const std::string& name, SteadyTime deadline) {
  for (int attempt = 1;; ++attempt) {
    const BdiGate::Pass pass(BdiGate::ForProcess());
    const auto before = ErofsBdis();
    FLOE_ASSIGN_OR_RETURN(ErofsMount made, MountInChild(fuse, name, Backend::kFile, deadline));
    const auto added = NewBdis(before, ErofsBdis());
    if (added.size() == 1) made.bdi = added[0];
    if (added.size() <= 1 || attempt == kBdiAttempts) return made;
  }
}

}  // namespace

absl::string_view BackendName(Backend backend) {
  return backend == Backend::kFile ? "file" : "loop";
}

absl::StatusOr<ErofsMount> MountErofs(int fuse, const std::string& name, Backend backend,
                                      SteadyTime deadline) {
  absl::StatusOr<ErofsMount> made = backend == Backend::kFile
                                        ? MountFile(fuse, name, deadline)
                                        : MountInChild(fuse, name, Backend::kLoop, deadline);
  FLOE_RETURN_IF_ERROR(made.status());
  FLOE_RETURN_IF_ERROR(CheckMade(*made, name, backend));
  if (backend == Backend::kLoop) made->bdi = absl::StrCat(kLoopMajor, ":", made->loop);
  return made;
}

absl::Status CheckErofs(const std::string& path) {
  struct statfs found = {};
  if (statfs(path.c_str(), &found) != 0) {
    return absl::FailedPreconditionError(ErrnoStatus(errno, path).message());
  }
  FLOE_ASSIGN_OR_RETURN(const bool root, IsMountPoint(path));
  if (root && found.f_type == EROFS_SUPER_MAGIC_V1) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path, " is not a mounted image"));
}

absl::Status UnmountErofs(const std::string& path, SteadyTime deadline) {
  const auto work = [&](ChildReport& report, int&) {
    if (umount2(path.c_str(), UMOUNT_NOFOLLOW) == 0) return;
    if (errno == EINVAL || errno == ENOENT) return;  // not mounted
    if (errno == EBUSY && umount2(path.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) == 0) {
      report.value = 1;
      return;
    }
    report.Fail("umount");
  };
  absl::StatusOr<ChildResult> done = RunInChild(absl::StrCat("unmount ", path), {}, work, deadline);
  if (absl::IsDeadlineExceeded(done.status())) {
    // Off the tree, and only the kernel's own cleaning still waits for reads in flight: that is
    // fine.
    const absl::StatusOr<bool> mounted = IsMountPoint(path);
    return mounted.ok() && !*mounted ? absl::OkStatus() : done.status();
  }
  FLOE_RETURN_IF_ERROR(done.status());
  FLOE_RETURN_IF_ERROR(done->report.ToStatus(absl::StrCat("unmount ", path)));
  if (done->report.value == 1) {
    Log(LogLevel::kWarning, "a busy mount was detached; it ends with its last user",
        {{"path", path}});
  }
  return absl::OkStatus();
}

}  // namespace floe::mount
