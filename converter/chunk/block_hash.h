// SPDX-License-Identifier: Apache-2.0
// A keyed hash of one 4 KiB block, cheap enough to look at every block of an image: the chunker
// ends chunks by it. Definition: doc/chunking.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/secret.h"
#include "base/status.h"
#include "store/seal/seal.h"

namespace floe::converter {

// Holds the key words (derived from the domain secret, so they are secret and wiped). Immutable
// after Create, thread safe.
class BlockHash {
 public:
  static constexpr size_t kWords = store::kBlockBytes / 8;
  // One key word a block word and one for the final mix.
  static constexpr size_t kKeyBytes = 8 * (kWords + 1);

  // INVALID_ARGUMENT unless `key` is kKeyBytes long.
  static absl::StatusOr<BlockHash> Create(Secret key);

  // `block` is store::kBlockBytes bytes, any alignment.
  uint64_t operator()(const uint8_t* block) const;

 private:
  explicit BlockHash(Secret key) : key_(std::move(key)) {}
  Secret key_;
};

// True when the store::kBlockBytes bytes at `block` are all zero.
bool IsZeroBlock(const uint8_t* block);

}  // namespace floe::converter
