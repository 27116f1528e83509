// SPDX-License-Identifier: Apache-2.0
#include "converter/chunk/chunker.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"

namespace floe::converter {
namespace {

using store::kBlockBytes;

// Past `min`, one block in mean - min ends a chunk.
uint64_t Threshold(const ChunkerParameters& parameters) {
  const uint64_t expected = (parameters.mean_bytes - parameters.min_bytes) / kBlockBytes;
  return std::numeric_limits<uint64_t>::max() / std::max<uint64_t>(expected, 1);
}

}  // namespace

absl::Status ChunkerParameters::Validate() const {
  for (const uint32_t size : {min_bytes, mean_bytes, max_bytes}) {
    if (size == 0 || size % kBlockBytes != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("chunk size ", size, " is no multiple of ", kBlockBytes, " bytes"));
    }
  }
  if (min_bytes >= mean_bytes || mean_bytes > max_bytes || max_bytes > store::kMaxRawChunkBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk sizes ", min_bytes, ", ", mean_bytes, ", ", max_bytes,
                     " must be minimum < mean <= maximum <= ", store::kMaxRawChunkBytes));
  }
  return absl::OkStatus();
}

std::string ChunkerParameters::Describe() const {
  return absl::StrCat("cdc ", min_bytes, "/", mean_bytes, "/", max_bytes);
}

Chunker::Chunker(const ChunkerParameters& parameters, const BlockHash& hash, BufferPool& pool,
                 Emit emit)
    : min_bytes_(parameters.min_bytes),
      max_bytes_(parameters.max_bytes),
      threshold_(Threshold(parameters)),
      hash_(hash),
      pool_(pool),
      emit_(std::move(emit)),
      current_(pool.Take()) {}

Chunker::~Chunker() { pool_.Give(std::move(current_)); }

absl::Status Chunker::Data(ByteView blocks) {
  if (blocks.size() % kBlockBytes != 0) {
    return absl::InvalidArgumentError("the flat image was not handed over in whole blocks");
  }
  for (size_t at = 0; at < blocks.size(); at += kBlockBytes) {
    const uint8_t* block = blocks.data() + at;
    FLOE_RETURN_IF_ERROR(IsZeroBlock(block) ? ZeroBlocks(1) : Block(block));
  }
  return absl::OkStatus();
}

absl::Status Chunker::Zeros(uint64_t bytes) {
  if (bytes % kBlockBytes != 0) {
    return absl::InvalidArgumentError("the flat image was not handed over in whole blocks");
  }
  return ZeroBlocks(bytes / kBlockBytes);
}

absl::Status Chunker::Block(const uint8_t* block) {
  if (current_.empty()) {
    chunk_start_ = position_;
  } else if (pending_zeros_ != 0) {
    current_.resize(current_.size() + pending_zeros_);
    pending_zeros_ = 0;
  }
  current_.insert(current_.end(), block, block + kBlockBytes);
  position_ += kBlockBytes;
  const bool full = current_.size() >= max_bytes_;
  if (full || (current_.size() >= min_bytes_ && hash_(block) < threshold_)) return EndChunk();
  return absl::OkStatus();
}

absl::Status Chunker::ZeroBlocks(uint64_t count) {
  position_ += count * kBlockBytes;
  if (current_.empty()) return absl::OkStatus();
  // Ended by a run of zeros as long as the smallest chunk, or where zeros would fill it up.
  const size_t room = std::min(min_bytes_, max_bytes_ - current_.size()) - pending_zeros_;
  if (count * kBlockBytes >= room) return EndChunk();
  pending_zeros_ += count * kBlockBytes;
  return absl::OkStatus();
}

absl::Status Chunker::EndChunk() {
  pending_zeros_ = 0;
  const uint64_t first_block = chunk_start_ / kBlockBytes;
  if (first_block > std::numeric_limits<uint32_t>::max()) {
    return absl::InvalidArgumentError("the flat image is larger than 16 TiB");
  }
  RawChunk chunk{static_cast<uint32_t>(first_block), std::move(current_)};
  current_ = pool_.Take();
  return emit_(std::move(chunk));
}

absl::Status Chunker::Finish() { return current_.empty() ? absl::OkStatus() : EndChunk(); }

}  // namespace floe::converter
