// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/spool.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "erofs/ondisk.h"

namespace floe::converter {
namespace {

constexpr uint64_t kBlock = erofs::kBlockBytes;
constexpr size_t kBufferBytes = 1 << 20;
// Shorter runs of zeros are holes too, but not worth remembering one by one.
constexpr uint64_t kRememberedZeros = 64 << 10;

bool IsZeroBlock(const uint8_t* block) {
  uint64_t word;
  std::memcpy(&word, block, sizeof(word));
  return word == 0 && std::memcmp(block, block + 8, kBlock - 8) == 0;
}

uint64_t RoundUp(uint64_t bytes) { return (bytes + kBlock - 1) / kBlock * kBlock; }

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Create(const std::string& work_dir) {
  absl::StatusOr<UniqueFd> file = OpenFile(work_dir, O_TMPFILE | O_RDWR, 0600);
  if (!file.ok()) {
    // Not every file system has O_TMPFILE.
    std::string path = work_dir + "/.floe-spool-XXXXXX";
    UniqueFd named(::mkostemp(path.data(), O_CLOEXEC));
    if (!named.valid()) {
      return Annotate(ErrnoStatus(errno, "create a spool file in " + work_dir),
                      "set the work directory to a writable folder");
    }
    ::unlink(path.c_str());
    file = std::move(named);
  }
  auto spool = std::unique_ptr<Spool>(new Spool(work_dir, std::move(*file)));
  spool->buffer_.reserve(kBufferBytes);
  return spool;
}

uint64_t Spool::Begin() {
  buffer_.resize(RoundUp(buffer_.size()));
  return bytes();
}

absl::Status Spool::Append(ByteView data) {
  while (!data.empty()) {
    if (buffer_.size() >= kBufferBytes) FLOE_RETURN_IF_ERROR(Flush());
    const size_t piece = std::min(data.size(), kBufferBytes - buffer_.size());
    buffer_.insert(buffer_.end(), data.begin(), data.begin() + static_cast<ptrdiff_t>(piece));
    data = data.subspan(piece);
  }
  return absl::OkStatus();
}

absl::Status Spool::AppendZeros(uint64_t count) {
  const uint64_t first = std::min(count, kBufferBytes - std::min(kBufferBytes, buffer_.size()));
  buffer_.resize(buffer_.size() + first);
  count -= first;
  if (count == 0) return absl::OkStatus();
  // The buffer is full, so whole blocks of the rest need no bytes at all.
  FLOE_RETURN_IF_ERROR(Flush());
  const uint64_t whole = count / kBlock * kBlock;
  NoteZeros(flushed_, whole);
  flushed_ += whole;
  buffer_.resize(count - whole);
  return absl::OkStatus();
}

// Writes whole blocks; the buffer is empty after it.
absl::Status Spool::Flush() {
  buffer_.resize(RoundUp(buffer_.size()));
  size_t begin = 0;
  while (begin < buffer_.size()) {
    const bool zero = IsZeroBlock(buffer_.data() + begin);
    size_t end = begin + kBlock;
    while (end < buffer_.size() && IsZeroBlock(buffer_.data() + end) == zero) end += kBlock;
    if (zero) {
      NoteZeros(flushed_ + begin, end - begin);
    } else {
      FLOE_RETURN_IF_ERROR(Write(ByteView(buffer_).subspan(begin, end - begin), flushed_ + begin));
    }
    begin = end;
  }
  flushed_ += buffer_.size();
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status Spool::Write(ByteView data, uint64_t offset) {
  const absl::Status status = WriteFullAt(file_.get(), data, offset);
  if (status.ok()) return status;
  return Annotate(status, absl::StrCat("write file data to the work directory ", work_dir_,
                                       " (it needs the unpacked size of the image; free space or "
                                       "set another work directory)"));
}

void Spool::NoteZeros(uint64_t offset, uint64_t count) {
  if (!zeros_.empty() && zeros_.back().end == offset) {
    zeros_.back().end += count;
  } else if (count > 0) {
    if (!zeros_.empty() && zeros_.back().end - zeros_.back().begin < kRememberedZeros) {
      zeros_.pop_back();
    }
    zeros_.push_back({offset, offset + count});
  }
}

absl::Status Spool::Finish() {
  FLOE_RETURN_IF_ERROR(Flush());
  Bytes().swap(buffer_);
  if (::ftruncate(file_.get(), static_cast<off_t>(flushed_)) != 0) {
    return ErrnoStatus(errno, "set the size of a spool file in " + work_dir_);
  }
  return absl::OkStatus();
}

Spool::Run Spool::RunAt(uint64_t offset, uint64_t max) const {
  const auto next =
      std::upper_bound(zeros_.begin(), zeros_.end(), offset,
                       [](uint64_t value, const ZeroRun& run) { return value < run.end; });
  if (next == zeros_.end() || next->begin >= offset + max) return {max, false};
  if (next->begin > offset) return {next->begin - offset, false};
  return {std::min(max, next->end - offset), true};
}

absl::Status Spool::ReadAt(uint64_t offset, MutableByteView out) const {
  return Annotate(ReadFullAt(file_.get(), out, offset), "read a spool file in " + work_dir_);
}

}  // namespace floe::converter
