// SPDX-License-Identifier: Apache-2.0
// Cuts the flat image into content-defined chunks of whole 4 KiB blocks. Chunks never begin or end
// with a zero block, and a long run of zero blocks is in no chunk. Rules and reasons:
// doc/chunking.md.
#pragma once

#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "converter/chunk/block_hash.h"
#include "converter/chunk/buffer_pool.h"

namespace floe::converter {

// Sizes in bytes, multiples of store::kBlockBytes. They are written into the manifest; a reader
// takes any, two conversions deduplicate only with the same.
struct ChunkerParameters {
  uint32_t min_bytes = 64 << 10;
  uint32_t mean_bytes = 256 << 10;
  uint32_t max_bytes = 1 << 20;

  // INVALID_ARGUMENT unless 4096 <= min < mean <= max <= store::kMaxRawChunkBytes, whole blocks.
  absl::Status Validate() const;
  // "cdc 65536/262144/1048576", as the manifest records it.
  std::string Describe() const;
};

// A chunk before sealing: `data` belongs at block `first_block` of the flat image.
struct RawChunk {
  uint32_t first_block = 0;
  Bytes data;
};

// Takes the image's bytes in order and hands out chunks in order. The chunks depend on the image's
// bytes, the parameters and the hash key alone, not on how the bytes were handed in. Not thread
// safe. An error of `emit` is returned at once and is final.
class Chunker {
 public:
  using Emit = std::function<absl::Status(RawChunk)>;

  // `hash` and `pool` are borrowed; buffers of chunks come from `pool`.
  Chunker(const ChunkerParameters& parameters, const BlockHash& hash, BufferPool& pool, Emit emit);
  ~Chunker();

  // The image's next bytes: whole blocks (INVALID_ARGUMENT otherwise).
  absl::Status Data(ByteView blocks);
  // The same as Data with that many zero bytes, without touching them.
  absl::Status Zeros(uint64_t bytes);
  // The image ends here; hands out the last chunk.
  absl::Status Finish();

  // Bytes taken so far.
  uint64_t position() const { return position_; }

 private:
  absl::Status Block(const uint8_t* block);
  absl::Status ZeroBlocks(uint64_t count);
  absl::Status EndChunk();

  const size_t min_bytes_;
  const size_t max_bytes_;
  const uint64_t threshold_;  // a block whose hash is below ends a chunk
  const BlockHash& hash_;
  BufferPool& pool_;
  const Emit emit_;

  uint64_t position_ = 0;     // of the next byte, in the image
  uint64_t chunk_start_ = 0;  // of current_'s first byte
  size_t pending_zeros_ = 0;  // zero bytes after current_, not in it yet
  Bytes current_;             // empty: between chunks
};

}  // namespace floe::converter
