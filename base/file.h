// SPDX-License-Identifier: Apache-2.0
// Files: whole reads and writes, and files that appear under their name complete or not at all.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe {

// open(2) with O_CLOEXEC added; the error names `path`.
absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags, mode_t mode = 0);
// openat(2) likewise; `directory` is borrowed.
absl::StatusOr<UniqueFd> OpenFileAt(int directory, const std::string& path, int flags,
                                    mode_t mode = 0);

// Fills `out` from `offset`. OUT_OF_RANGE when the file ends before.
absl::Status ReadFullAt(int fd, MutableByteView out, uint64_t offset);
// Writes all of `bytes` at `offset`.
absl::Status WriteFullAt(int fd, ByteView bytes, uint64_t offset);
// Appends all of `bytes` at the descriptor's position.
absl::Status WriteFull(int fd, ByteView bytes);

// The whole file, refused with INVALID_ARGUMENT when longer than `max_bytes`.
absl::StatusOr<Bytes> ReadWholeFile(const std::string& path, uint64_t max_bytes);
// The same from a descriptor's start.
absl::StatusOr<Bytes> ReadWholeFd(int fd, uint64_t max_bytes);

absl::StatusOr<uint64_t> FileSize(int fd);

// Flushes a directory's entries (fsync of the directory).
absl::Status SyncDirectory(const std::string& path);

// mkdir -p; existing directories are fine.
absl::Status MakeDirectories(const std::string& path, mode_t mode = 0755);

enum class Replace { kYes, kNo };
enum class Durable { kYes, kNo };

// Writes `bytes` to a temporary name beside `path`, then renames (Replace::kYes) or links
// (Replace::kNo, ALREADY_EXISTS when the name is taken) it into place. Durable::kYes syncs file and
// directory before it returns. A crash leaves the old state or the new one, and perhaps a
// temporary file named ".tmp-*".
absl::Status WriteFileAtomically(const std::string& path, ByteView bytes, mode_t mode,
                                 Replace replace, Durable durable);

// A directory that is removed with all its content when the object goes.
class TempDir {
 public:
  // Made inside `parent` (default: $TMPDIR, else /tmp).
  static absl::StatusOr<TempDir> Create(const std::string& parent = "");
  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir();
  const std::string& path() const { return path_; }

 private:
  explicit TempDir(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace floe
