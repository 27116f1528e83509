// SPDX-License-Identifier: Apache-2.0
// File data on its way from a layer to the image: one unlinked file, each piece of data on a block
// of its own, blocks of zeros left out (holes).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe::converter {

// Write everything, then Finish, then read. Not thread safe.
class Spool {
 public:
  // Makes the unlinked file in `work_dir`.
  static absl::StatusOr<std::unique_ptr<Spool>> Create(const std::string& work_dir);

  // Where the next byte goes: always a multiple of 4096 between Begin and the first Append.
  uint64_t Begin();
  absl::Status Append(ByteView data);
  absl::Status AppendZeros(uint64_t count);
  // Writes out what is buffered. RESOURCE_EXHAUSTED when the disk is full.
  absl::Status Finish();

  // A run at `offset`, cut at `max`: how long, and whether it is known to be zero.
  struct Run {
    uint64_t bytes = 0;
    bool zero = false;
  };
  // `offset` and `max` are multiples of 4096.
  Run RunAt(uint64_t offset, uint64_t max) const;
  // Fills `out`.
  absl::Status ReadAt(uint64_t offset, MutableByteView out) const;

  uint64_t bytes() const { return flushed_ + buffer_.size(); }

 private:
  Spool(std::string work_dir, UniqueFd file)
      : work_dir_(std::move(work_dir)), file_(std::move(file)) {}
  absl::Status Flush();
  absl::Status Write(ByteView data, uint64_t offset);
  void NoteZeros(uint64_t offset, uint64_t count);

  struct ZeroRun {
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  const std::string work_dir_;
  UniqueFd file_;
  Bytes buffer_;
  uint64_t flushed_ = 0;        // bytes before buffer_; a multiple of 4096
  std::vector<ZeroRun> zeros_;  // ascending, only long ones
};

}  // namespace floe::converter
