// SPDX-License-Identifier: Apache-2.0
// The images of a simulation and their chunks, made from published statistics (constants.h).
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "bench/sim/random.h"
#include "store/seal/sealed_chunk.h"

namespace floe::sim {

// Real byte strings, a few bytes each, that stand for chunks of kChunkBytes: ids, codes and checks
// are those of the product, only the declared size is not that of the bytes.
class ChunkPool {
 public:
  static constexpr size_t kRealBytes = 64;

  explicit ChunkPool(uint64_t seed) : seed_(seed) {}
  // Makes one more chunk; its number counts from 0.
  uint32_t Make();
  const store::VerifiedSealed& chunk(uint32_t number) const { return chunks_[number]; }
  std::optional<uint32_t> NumberOf(const store::ChunkId& id) const;
  size_t size() const { return chunks_.size(); }

 private:
  struct IdHash {
    size_t operator()(const store::ChunkId& id) const {
      size_t hash = 0;
      std::memcpy(&hash, id.bytes.data(), sizeof hash);
      return hash;
    }
  };
  const uint64_t seed_;
  std::vector<store::VerifiedSealed> chunks_;
  std::unordered_map<store::ChunkId, uint32_t, IdHash> numbers_;
};

struct CatalogOptions {
  size_t images = 10'000;
  // Images of a family share their base: all chunks but their own. [B 3] the images that are no
  // copies have 4.3 % chunks of their own in the mean.
  size_t families = 300;
};

// What a start of an image reads, in this order.
using StartChunks = std::vector<uint32_t>;

class Catalog {
 public:
  Catalog(const CatalogOptions& options, uint64_t seed);

  ChunkPool& chunks() { return chunks_; }
  size_t images() const { return images_.size(); }
  const StartChunks& image(size_t number) const { return *images_[number]; }
  // A new image of a random family, as somebody uploads one; gives its number. It may be a copy.
  size_t Upload(Random& random);
  // Chunk reads of all images over distinct chunks: what deduplication saves.
  double DedupFactor() const;

 private:
  ChunkPool chunks_;
  Zipf family_popularity_;
  Quantiles unique_share_;
  std::vector<StartChunks> bases_;
  std::vector<std::shared_ptr<const StartChunks>> images_;
  std::vector<std::shared_ptr<const StartChunks>> last_of_family_;
};

}  // namespace floe::sim
