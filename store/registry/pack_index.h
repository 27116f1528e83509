// SPDX-License-Identifier: Apache-2.0
// Where the chunks of one manifest lie in the pack blobs of a repository (doc/registry-origin.md,
// "The index"). Pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/sha256.h"
#include "base/status.h"
#include "store/chunk_id.h"

namespace floe::store {

inline constexpr size_t kMaxPackIndexBytes = 256 << 20;
inline constexpr size_t kMaxPackBlobs = 4000;  // an image manifest names them, and has a limit

struct PackBlob {
  Sha256Digest digest{};
  uint64_t size = 0;  // bytes, below 4 GiB
};
struct PackedChunk {
  ChunkId id;
  uint32_t pack = 0;    // index into PackIndex::packs
  uint32_t offset = 0;  // in the pack
  uint32_t length = 0;  // sealed bytes
};
struct PackIndex {
  ManifestId manifest;
  std::vector<PackBlob> packs;
  std::vector<PackedChunk> chunks;  // ascending by id, unique
};

// The same value gives the same bytes.
Bytes EncodePackIndex(const PackIndex& index);
// DATA_LOSS unless the bytes are exactly what EncodePackIndex gives for a value that keeps the
// rules: chunks ascend, packs are known, every chunk lies within its pack.
absl::StatusOr<PackIndex> DecodePackIndex(ByteView bytes);

}  // namespace floe::store
