// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/catalog.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bench/sim/constants.h"

namespace floe::sim {

uint32_t ChunkPool::Make() {
  const auto number = static_cast<uint32_t>(chunks_.size());
  Random random = Random(seed_).Fork(number);
  auto bytes = std::make_shared<Bytes>(kRealBytes);
  for (size_t at = 0; at < kRealBytes; at += sizeof(uint64_t)) {
    const uint64_t word = random.Next();
    std::memcpy(bytes->data() + at, &word, sizeof word);
  }
  chunks_.push_back(store::NameSealed(std::move(bytes)));
  numbers_.emplace(chunks_.back().id(), number);
  return number;
}

std::optional<uint32_t> ChunkPool::NumberOf(const store::ChunkId& id) const {
  const auto found = numbers_.find(id);
  if (found == numbers_.end()) return std::nullopt;
  return found->second;
}

Catalog::Catalog(const CatalogOptions& options, uint64_t seed)
    : chunks_(seed),
      family_popularity_(options.families, kPopularityExponent),
      unique_share_(UniqueShare()) {
  Random random = Random(seed).Fork(0xca7a);
  // Half to one and a half times the mean: the spread of sizes is not what is studied here [A].
  for (size_t family = 0; family < options.families; ++family) {
    StartChunks base(kChunksAStart / 2 + random.Below(kChunksAStart + 1));
    for (uint32_t& chunk : base) chunk = chunks_.Make();
    bases_.push_back(std::move(base));
  }
  last_of_family_.resize(options.families);
  for (size_t image = 0; image < options.images; ++image) Upload(random);
}

size_t Catalog::Upload(Random& random) {
  const size_t family = family_popularity_.Sample(random);
  std::shared_ptr<const StartChunks>& last = last_of_family_[family];
  if (last == nullptr || random.Uniform() >= kShareOfCopies) {
    auto chunks = std::make_shared<StartChunks>(bases_[family]);
    const double unique = unique_share_.Sample(random) * static_cast<double>(chunks->size());
    const auto count = std::max<size_t>(1, static_cast<size_t>(std::lround(unique)));
    for (size_t i = 0; i < count; ++i) {
      (*chunks)[random.Below(chunks->size())] = chunks_.Make();
    }
    last = std::move(chunks);
  }
  images_.push_back(last);
  return images_.size() - 1;
}

double Catalog::DedupFactor() const {
  double reads = 0;
  for (const auto& image : images_) reads += static_cast<double>(image->size());
  return reads / static_cast<double>(chunks_.size());
}

}  // namespace floe::sim
