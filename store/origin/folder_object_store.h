// SPDX-License-Identifier: Apache-2.0
// Objects as files of one folder (doc/store.md, "Folder"): written under a temporary name, then
// renamed without replacing. Present means same size.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/executor.h"
#include "store/origin/folder_files.h"
#include "store/origin/object_store.h"

namespace floe::store {

// How Sync() makes a batch durable.
enum class SyncMode {
  kFileSystem,  // one syncfs(2): half the time of single fsyncs
  kEachFile,    // fsync of each file and directory, for file systems whose syncfs does nothing
};

struct FolderOptions {
  size_t io_threads = 4;
  std::optional<SyncMode> sync;  // default: by file system
};

// I/O runs on a small pool of threads. The destructor waits for what was asked; it must not run on
// a callback.
class FolderObjectStore : public ObjectStore {
 public:
  // The folder must exist. NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE.
  static absl::StatusOr<std::shared_ptr<FolderObjectStore>> Open(const std::string& path,
                                                                 const FolderOptions& options = {});

  void Get(const std::string& name, uint64_t max_bytes, const RequestOptions& options,
           GetCallback done) override;
  void Put(const std::string& name, SealedBytes bytes, PutDurability durability,
           const RequestOptions& options, PutCallback done) override;
  void Replace(const std::string& name, SealedBytes bytes, const RequestOptions& options,
               DoneCallback done) override;
  void List(const std::string& prefix, const std::string& from, size_t limit,
            const RequestOptions& options, ListCallback done) override;
  absl::Status Sync() override FLOE_EXCLUDES(mutex_);
  std::string Name() const override { return "folder " + path_; }

 private:
  FolderObjectStore(UniqueFd directory, std::string path, const FolderOptions& options);
  void Remember(const std::string& name) FLOE_EXCLUDES(mutex_);
  // One file by file; the first error.
  absl::Status SyncEach(const std::set<std::string>& names);

  const std::string path_;
  FolderFiles files_;
  const SyncMode sync_;
  Mutex mutex_;
  // kEachFile: put or found present since the last Sync.
  std::set<std::string> unsynced_ FLOE_GUARDED_BY(mutex_);
  ThreadPool pool_;  // last, so that it ends first
};

}  // namespace floe::store
