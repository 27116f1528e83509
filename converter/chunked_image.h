// SPDX-License-Identifier: Apache-2.0
// A flat image read back from its chunks, for tools: blocking, without any cache on disk. Nodes
// read through fusefs/.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>

#include "base/bytes.h"
#include "base/status.h"
#include "store/chunk_store.h"
#include "store/manifest.h"

namespace floe::converter {

// Not thread safe.
class ChunkedImage {
 public:
  // `manifest` is borrowed. Keeps up to `cached_chunks` opened chunks in memory.
  ChunkedImage(const store::Manifest& manifest, std::shared_ptr<store::ChunkStore> chunks,
               size_t cached_chunks = 64);

  // Fills `out` from `offset`. OUT_OF_RANGE past the end; DATA_LOSS or NOT_FOUND name the chunk
  // that is altered or missing.
  absl::Status ReadAt(uint64_t offset, MutableByteView out);

  uint64_t size() const { return manifest_.image_size; }

 private:
  struct Opened {
    uint32_t chunk;
    Bytes raw;
  };
  // The opened chunk with this index, valid until the next call.
  absl::StatusOr<const Bytes*> Open(uint32_t chunk);

  const store::Manifest& manifest_;
  const std::shared_ptr<store::ChunkStore> chunks_;
  const size_t cached_chunks_;
  std::list<Opened> recent_;  // most recent first
  std::unordered_map<uint32_t, std::list<Opened>::iterator> by_chunk_;
};

}  // namespace floe::converter
