// SPDX-License-Identifier: Apache-2.0
// The erasure code over shards in memory: any k of k+r give the rest (ISA-L; XOR where that is
// all).
#pragma once

#include <span>

#include "base/bytes.h"
#include "cache/code.h"

namespace floe::cache {

// r = 1 is the XOR of the data, k = 1 is copies, all others Cauchy matrices over GF(2^8), which are
// MDS. Immutable, thread safe.
class ErasureCode {
 public:
  explicit ErasureCode(const Code& code);
  const Code& code() const { return code_; }

  // Fills the r parity shards from the k shards of data; each `length` bytes, no two overlap.
  // Parity that is nullptr is left out.
  void Encode(size_t length, std::span<const uint8_t* const> data,
              std::span<uint8_t* const> parity) const;

  // `shards` are k+r, nullptr where missing, at least k of them there. Writes each missing shard of
  // data to out[its index]; other entries of `out` (k of them) are not looked at.
  void Reconstruct(size_t length, std::span<const uint8_t* const> shards,
                   std::span<uint8_t* const> out) const;

 private:
  void ReconstructByMatrix(size_t length, std::span<const uint8_t* const> shards,
                           std::span<uint8_t* const> out) const;

  const Code code_;
  Bytes matrix_;  // (k+r) rows of k coefficients, the first k the identity; empty without ISA-L
};

}  // namespace floe::cache
