// SPDX-License-Identifier: Apache-2.0
// The file operations behind a folder of objects: synchronous, relative to one directory.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "store/origin/object_store.h"

namespace floe::store {

// Thread safe. Names are valid object names. Errors name the operation and the object.
class FolderFiles {
 public:
  // `directory` is the open folder, `path` its name for people.
  FolderFiles(UniqueFd directory, std::string path);

  absl::StatusOr<SealedBytes> Read(const std::string& name, uint64_t max_bytes) const;
  // Under a temporary name first, then renamed, never replacing. `durable` as
  // PutDurability::kAtOnce.
  absl::StatusOr<PutResult> Create(const std::string& name, ByteView bytes, bool durable);
  // Puts or replaces, durably.
  absl::Status Replace(const std::string& name, ByteView bytes);
  absl::StatusOr<ObjectPage> List(const std::string& prefix, const std::string& from,
                                  size_t limit) const;

  // syncfs(2) of the file system that holds the folder.
  absl::Status SyncFileSystem() const;
  // fsync of one object and of every directory above it up to the folder.
  absl::Status SyncObject(const std::string& name) const;
  // False where syncfs(2) promises nothing (FUSE).
  bool SyncsAsWhole() const;

 private:
  // nullopt when absent; DATA_LOSS when what is there is no file of `size` bytes.
  absl::StatusOr<std::optional<PutResult>> Present(const std::string& name, uint64_t size) const;
  absl::StatusOr<std::string> WriteTemporary(ByteView bytes, bool durable);
  absl::Status MakeParents(const std::string& name) const;
  // `replace` or not; makes missing directories. ALREADY_EXISTS only when not replacing.
  absl::Status MoveIntoPlace(const std::string& temporary, const std::string& name, bool replace);
  absl::Status SyncPath(const std::string& name, int flags) const;
  absl::Status Absent(const std::string& name) const;
  void RemoveStaleTemporaries() const;

  const UniqueFd directory_;
  const std::string path_;
  const std::string temporary_stem_;  // unlike any other process's, also on another machine
  std::atomic<uint64_t> temporaries_{0};
};

}  // namespace floe::store
