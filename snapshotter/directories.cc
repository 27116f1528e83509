// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/directories.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "snapshotter/tree_walk.h"

namespace floe::snapshotter {
namespace {

// mkdir(2) applies the umask, which a layer's root must not depend on.
absl::Status MakeExactly(const std::string& path, const DirectoryAttributes& attributes) {
  if (mkdir(path.c_str(), 0700) != 0) return ErrnoStatus(errno, absl::StrCat("mkdir ", path));
  if (lchown(path.c_str(), attributes.uid, attributes.gid) != 0) {
    return ErrnoStatus(errno, absl::StrCat("chown ", path));
  }
  if (chmod(path.c_str(), attributes.mode) != 0) {
    return ErrnoStatus(errno, absl::StrCat("chmod ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> TakeLock(const std::string& root) {
  const std::string path = absl::StrCat(root, "/lock");
  FLOE_ASSIGN_OR_RETURN(UniqueFd lock, OpenFile(path, O_RDWR | O_CREAT, 0600));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return ErrnoStatus(errno, absl::StrCat("lock ", path));
  return absl::FailedPreconditionError(absl::StrCat(
      "another floe-snapshotter uses ", root,
      "; stop it, or give this one a root of its own with --root (one for each containerd)"));
}

absl::Status MakePrivate(const std::string& path) {
  FLOE_RETURN_IF_ERROR(MakeDirectories(path, 0700));
  if (chmod(path.c_str(), 0700) != 0) return ErrnoStatus(errno, absl::StrCat("chmod ", path));
  return absl::OkStatus();
}

absl::StatusOr<std::set<std::string>> Names(const std::string& path) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd directory, OpenFile(path, O_RDONLY | O_DIRECTORY));
  FLOE_ASSIGN_OR_RETURN(const auto names, ListDirectory(directory.get()));
  return std::set<std::string>(names.begin(), names.end());
}

}  // namespace

absl::StatusOr<DirectoryAttributes> AttributesOf(const std::string& directory) {
  struct stat st;
  if (stat(directory.c_str(), &st) != 0) {
    return ErrnoStatus(errno, absl::StrCat("stat ", directory));
  }
  return DirectoryAttributes{st.st_mode & 07777, st.st_uid, st.st_gid};
}

absl::StatusOr<std::unique_ptr<Directories>> Directories::Open(const std::string& root) {
  if (root.empty() || root[0] != '/' || root.find_first_of(":,\\") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("root \"", root,
                     "\" must be an absolute path without ':', ',' and '\\': it becomes part of ",
                     "overlay's mount options; choose another --root"));
  }
  FLOE_RETURN_IF_ERROR(MakePrivate(root));
  FLOE_ASSIGN_OR_RETURN(UniqueFd lock, TakeLock(root));
  std::unique_ptr<Directories> directories(new Directories(root, std::move(lock)));
  FLOE_RETURN_IF_ERROR(MakePrivate(directories->SnapshotsPath()));
  FLOE_RETURN_IF_ERROR(MakePrivate(directories->ManifestsPath()));
  return directories;
}

absl::StatusOr<Directories::Staged> Directories::Stage(const DirectoryAttributes& attributes,
                                                       WorkDirectory work) {
  std::string path = absl::StrCat(SnapshotsPath(), "/new-XXXXXX");
  {
    // The name enters `staged_` under the same lock that ListSnapshots takes: Cleanup never sees
    // one without the other.
    MutexLock lock(mutex_);
    if (mkdtemp(path.data()) == nullptr) return ErrnoStatus(errno, absl::StrCat("mkdtemp ", path));
    staged_.insert(path.substr(path.rfind('/') + 1));
  }
  Staged staged(this, path.substr(path.rfind('/') + 1));
  FLOE_RETURN_IF_ERROR(MakeExactly(absl::StrCat(path, "/fs"), attributes));
  if (work == WorkDirectory::kYes) {
    const DirectoryAttributes private_to_overlay{0711, attributes.uid, attributes.gid};
    FLOE_RETURN_IF_ERROR(MakeExactly(absl::StrCat(path, "/work"), private_to_overlay));
  }
  return staged;
}

Directories::Staged::Staged(Staged&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)),
      name_(std::move(other.name_)),
      staged_name_(std::move(other.staged_name_)) {}

Directories::Staged::~Staged() {
  if (owner_ == nullptr) return;
  const absl::Status removed = owner_->RemoveLeftover(name_);
  if (!removed.ok()) {
    Log(LogLevel::kWarning, "a snapshot's directory stays until the next start",
        {{"directory", name_}, {"reason", removed.message()}});
  }
  Keep();
}

void Directories::Staged::Keep() {
  MutexLock lock(owner_->mutex_);
  owner_->staged_.erase(staged_name_);
  owner_ = nullptr;
}

absl::Status Directories::Staged::Publish(int64_t id) {
  const std::string from = absl::StrCat(owner_->SnapshotsPath(), "/", name_);
  const std::string to = owner_->SnapshotPath(id);
  // A crash between rename and the transaction's end leaves a directory under an id that the
  // database gives out again.
  if (access(to.c_str(), F_OK) == 0) FLOE_RETURN_IF_ERROR(owner_->RemoveSnapshot(id));
  if (rename(from.c_str(), to.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("rename ", from, " to ", to));
  }
  name_ = std::to_string(id);
  FLOE_RETURN_IF_ERROR(SyncDirectory(to));
  return SyncDirectory(owner_->SnapshotsPath());
}

absl::Status Directories::RemoveSnapshot(int64_t id) {
  return RemoveTree(SnapshotsPath(), std::to_string(id));
}

absl::StatusOr<std::set<std::string>> Directories::ListSnapshots() {
  MutexLock lock(mutex_);
  FLOE_ASSIGN_OR_RETURN(std::set<std::string> names, Names(SnapshotsPath()));
  for (const std::string& name : staged_) names.erase(name);
  return names;
}

absl::Status Directories::RemoveLeftover(const std::string& name) {
  return RemoveTree(SnapshotsPath(), name);
}

absl::StatusOr<std::set<std::string>> Directories::ListManifests() {
  return Names(ManifestsPath());
}

absl::Status Directories::RemoveManifest(const std::string& name) {
  const std::string path = ManifestPath(name);
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("remove ", path));
}

}  // namespace floe::snapshotter
