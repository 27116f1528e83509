// SPDX-License-Identifier: Apache-2.0
// The disk tier's files: one for each entry (grammar: doc/disk-tier.md).
//
//   <dir>/lock  <dir>/recency  <dir>/tmp/<n>  <dir>/c/<hh>/<id>.<sealed length in hexadecimal>
//   ENTRY = "FLOEDT01" length:u32 zero:u32 nonce[12] tag[16] zero[20] sealed
//
// One file a chunk, not a few big ones: the kernel keeps track of space, an eviction is an unlink,
// a crash cannot tear an index, and a damaged file costs one chunk.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "store/seal/disk_entry_mac.h"

namespace floe::store {

inline constexpr size_t kDiskEntryHeaderBytes = 64;

struct FoundEntry {
  ChunkId id;
  uint32_t sealed_length = 0;
};

struct FileSystemSpace {
  uint64_t total_bytes = 0;
  uint64_t free_bytes = 0;  // for unprivileged users
  uint64_t block_bytes = 4096;
};

// Thread safe; calls for one id at the same time are the caller's to avoid. Paths are relative to a
// directory descriptor, so that a rename of the directory's parents does not matter.
class DiskFiles {
 public:
  // Makes what is missing, takes the lock (FAILED_PRECONDITION when another process has it), and
  // deletes what a crash left in tmp/.
  static absl::StatusOr<std::unique_ptr<DiskFiles>> Open(const std::string& directory,
                                                         DiskEntryMac mac);

  // Every entry by its name; files with other names are deleted.
  absl::StatusOr<std::vector<FoundEntry>> Scan();
  // NOT_FOUND; DATA_LOSS when the file is not what Write made; UNAVAILABLE when it cannot be read.
  // The page cache is not left full of it.
  absl::StatusOr<VerifiedSealed> Read(const ChunkId& id, uint32_t sealed_length);
  // RESOURCE_EXHAUSTED when the disk is full. Appears whole or not at all, unless the machine
  // crashes (then Read finds out).
  absl::Status Write(const VerifiedSealed& chunk);
  void Remove(const ChunkId& id, uint32_t sealed_length);
  absl::Status Sync();
  absl::StatusOr<FileSystemSpace> Space() const;

  absl::StatusOr<Bytes> ReadRecency() const;
  absl::Status WriteRecency(ByteView bytes) const;
  const std::string& directory() const { return directory_; }

 private:
  DiskFiles(std::string directory, UniqueFd fd, UniqueFd lock, DiskEntryMac mac)
      : directory_(std::move(directory)),
        fd_(std::move(fd)),
        lock_(std::move(lock)),
        mac_(std::move(mac)) {}
  absl::Status ScanFolder(const std::string& folder, std::vector<FoundEntry>& found);
  void ForgetPagesLater(UniqueFd written) FLOE_EXCLUDES(mutex_);

  const std::string directory_;
  const UniqueFd fd_;
  const UniqueFd lock_;
  const DiskEntryMac mac_;
  Mutex mutex_;
  uint64_t next_temporary_ FLOE_GUARDED_BY(mutex_) = 0;
  std::deque<UniqueFd> written_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::store
