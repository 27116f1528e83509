// SPDX-License-Identifier: Apache-2.0
// The snapshotter's files below its root (doc/snapshotter-state.md):
//
//   <root>/lock                      held by the one process that uses the root
//   <root>/metadata.db               the metastore
//   <root>/snapshots/<id>/fs, work   a layer's files; overlay's work directory
//   <root>/snapshots/new-*           a snapshot being made
//   <root>/manifests/<sha256>        manifest files of floe layers, by their content
//   <root>/mounts/<n>                images (mount/)
#pragma once

#include <sys/types.h>

#include <memory>
#include <set>
#include <string>

#include "base/mutex.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe::snapshotter {

// Mode and owner of a layer's root directory.
struct DirectoryAttributes {
  mode_t mode = 0755;
  uid_t uid = 0;
  gid_t gid = 0;
};
absl::StatusOr<DirectoryAttributes> AttributesOf(const std::string& directory);

enum class WorkDirectory { kYes, kNo };

// Thread safe.
class Directories {
 public:
  // Makes what is missing, with mode 0700, and takes the lock. FAILED_PRECONDITION when another
  // process holds it; INVALID_ARGUMENT for a root whose path overlay mounts cannot carry.
  static absl::StatusOr<std::unique_ptr<Directories>> Open(const std::string& root);

  const std::string& root() const { return root_; }
  std::string DatabasePath() const { return root_ + "/metadata.db"; }
  std::string SnapshotsPath() const { return root_ + "/snapshots"; }
  std::string ManifestsPath() const { return root_ + "/manifests"; }
  std::string ManifestPath(const std::string& name) const { return ManifestsPath() + "/" + name; }
  std::string SnapshotPath(int64_t id) const { return SnapshotsPath() + "/" + std::to_string(id); }
  std::string FilesPath(int64_t id) const { return SnapshotPath(id) + "/fs"; }
  std::string WorkPath(int64_t id) const { return SnapshotPath(id) + "/work"; }

  // A snapshot's directories under a name of their own; gone with the object unless published.
  class Staged {
   public:
    Staged(Staged&& other) noexcept;
    Staged(const Staged&) = delete;
    Staged& operator=(const Staged&) = delete;
    ~Staged();
    // Renames into place, durably. After an error, or when the transaction around it fails, the
    // directory is gone again with the object.
    absl::Status Publish(int64_t id);
    // The record is committed: the directory stays.
    void Keep();

   private:
    friend class Directories;
    Staged(Directories* owner, const std::string& name)
        : owner_(owner), name_(name), staged_name_(name) {}
    Directories* owner_;
    std::string name_;  // where it lies now, below snapshots/
    std::string staged_name_;
  };
  absl::StatusOr<Staged> Stage(const DirectoryAttributes& attributes, WorkDirectory work)
      FLOE_EXCLUDES(mutex_);

  absl::Status RemoveSnapshot(int64_t id);

  // Names below snapshots/ that are no staged ones in use: ids, and what a crash left behind.
  absl::StatusOr<std::set<std::string>> ListSnapshots() FLOE_EXCLUDES(mutex_);
  absl::Status RemoveLeftover(const std::string& name);
  absl::StatusOr<std::set<std::string>> ListManifests();
  absl::Status RemoveManifest(const std::string& name);

 private:
  Directories(std::string root, UniqueFd lock) : root_(std::move(root)), lock_(std::move(lock)) {}

  const std::string root_;
  const UniqueFd lock_;
  Mutex mutex_;
  std::set<std::string> staged_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::snapshotter
