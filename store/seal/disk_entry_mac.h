// SPDX-License-Identifier: Apache-2.0
// The check of disk-tier entries: AES-256-GMAC under a key of this node, made when a chunk's id has
// been checked. Why not the id again: without SHA instructions SHA-256 does 0.2 GB/s a core, GMAC
// 1.7 (store.md, "Chunk").
#pragma once

#include <array>

#include "base/secret.h"
#include "store/seal/sealed_chunk.h"

namespace floe::store {

// Thread safe.
class DiskEntryMac {
 public:
  struct Proof {
    std::array<uint8_t, 12> nonce{};  // random, fresh for each entry
    std::array<uint8_t, 16> tag{};
  };

  // `node_key` is 32 bytes.
  explicit DiskEntryMac(Secret node_key) : key_(std::move(node_key)) {}

  // The tag covers the id, the length and the bytes.
  Proof Make(const VerifiedSealed& chunk) const;
  // DATA_LOSS when `bytes` are not those that Make saw under this id and key. `bytes` must be in a
  // private buffer: nobody may change them afterwards.
  absl::StatusOr<VerifiedSealed> Check(const ChunkId& id, const Proof& proof,
                                       SealedBytes bytes) const;

 private:
  std::array<uint8_t, 16> Tag(const ChunkId& id, const std::array<uint8_t, 12>& nonce,
                              ByteView bytes) const;
  Secret key_;
};

}  // namespace floe::store
