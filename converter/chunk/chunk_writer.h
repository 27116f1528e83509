// SPDX-License-Identifier: Apache-2.0
// Flat image -> chunks in a store: cut, seal on all cores, put with a bound on what is in flight.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "converter/chunk/chunker.h"
#include "erofs/image_sink.h"
#include "store/chunk_store.h"
#include "store/manifest.h"
#include "store/seal/seal.h"

namespace floe::converter {

struct ChunkWriterOptions {
  ChunkerParameters chunker;
  store::CodecParameters codec;
  size_t threads = 2;          // that seal
  size_t puts_in_flight = 32;  // each holds at most one chunk
  // Read and hash what was in the store before; off where the converter may not read.
  bool check_existing = true;
  CancelToken cancel;
  // Called with the position in the flat image, from the calling thread. May be empty.
  std::function<void(uint64_t)> progress;
};

// Numbers are of distinct chunks; raw = before sealing, sealed = as stored.
struct ChunkStats {
  uint64_t new_chunks = 0;
  uint64_t new_raw_bytes = 0;
  uint64_t new_sealed_bytes = 0;
  uint64_t reused_chunks = 0;  // were in the store
  uint64_t reused_raw_bytes = 0;
  uint64_t reused_sealed_bytes = 0;
  uint64_t repaired_chunks = 0;   // were there, but damaged; counted as reused too
  uint64_t unchecked_chunks = 0;  // were there and could not be read
};

struct WrittenChunks {
  store::ChunkRefs chunks;             // ascending by id, unique: as in store::Manifest
  std::vector<store::Extent> extents;  // ascending by block
  ChunkStats stats;

  WrittenChunks() = default;
  WrittenChunks(WrittenChunks&&) = default;
  WrittenChunks& operator=(WrittenChunks&&) = default;
};

// Gives an image to the sink, front to back, like FlatImage::Emit.
using EmitImage = std::function<absl::Status(erofs::ImageSink&)>;
// Replaces a damaged chunk in the store by these bytes; may block.
using RepairChunk = std::function<absl::Status(const store::VerifiedSealed&)>;

// Puts every chunk of the image into `chunks`. The result (but for the counts of new and reused)
// depends on the image, the domain and the parameters alone. Nothing is durable before the store's
// Sync. On the first error everything stops: no put is in flight when the call returns, what was
// put stays and is found again by the next attempt. CANCELLED when asked to stop.
absl::StatusOr<WrittenChunks> WriteChunks(const EmitImage& emit, const store::SealingDomain& domain,
                                          store::ChunkStore& chunks, const RepairChunk& repair,
                                          const ChunkWriterOptions& options);

// The chunker's hash for a domain (doc/chunking.md).
absl::StatusOr<BlockHash> BlockHashOfDomain(const store::SealingDomain& domain);

}  // namespace floe::converter
