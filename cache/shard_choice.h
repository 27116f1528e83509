// SPDX-License-Identifier: Apache-2.0
// Finding the k shards that make the chunk among those that came, some of which may lie.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "cache/shard.h"
#include "store/seal/sealed_chunk.h"

namespace floe::cache {

// Not thread safe.
class ShardChoice {
 public:
  ShardChoice(const store::ChunkId& id, const ErasureCode& code)
      : id_(id), code_(code), shards_(code.code().shards()), bytes_(shards_.size()) {}

  // Takes a shard that came; false when it is no such shard.
  bool Add(size_t index, store::SealedBytes bytes);
  size_t count() const { return count_; }

  // The chunk, from choices that were not tried before: first the k of lowest index, then each
  // single shard left out, then others; at most k+r choices in all. nullopt: none fits (yet).
  std::optional<store::VerifiedSealed> Find();
  // Choices that were put together and did not hash to the id.
  size_t mismatches() const { return mismatches_; }
  // True when the last choice had to compute a shard of data.
  bool reconstructed() const { return reconstructed_; }
  // Of a chunk that was found: shards that came and are not what they should be.
  std::vector<size_t> WrongShards(const store::VerifiedSealed& chunk) const;

 private:
  using Mask = uint32_t;

  std::optional<store::VerifiedSealed> Try(Mask choice);
  Mask FirstOf(Mask from) const;  // the k lowest

  const store::ChunkId id_;
  const ErasureCode& code_;
  std::vector<std::optional<ShardView>> shards_;
  std::vector<store::SealedBytes> bytes_;  // what the views look at
  size_t count_ = 0;
  size_t mismatches_ = 0;
  bool reconstructed_ = false;
  std::set<Mask> tried_;
};

}  // namespace floe::cache
