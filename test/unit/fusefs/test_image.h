// SPDX-License-Identifier: Apache-2.0
// A flat image made of a few sealed chunks, for tests of the read path.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "store/manifest.h"
#include "store/seal/seal.h"
#include "test/fake/fake_chunk_store.h"

namespace floe::fusefs {

struct TestImage {
  std::shared_ptr<store::Manifest> manifest = std::make_shared<store::Manifest>();
  Bytes bytes;                             // what reading must give
  std::vector<store::SealedChunk> sealed;  // in order of extents

  void AddTo(store::FakeChunkStore& store) const {
    for (const store::SealedChunk& chunk : sealed) store.Add(chunk.sealed);
  }
};

// `pattern`: blocks of each run; positive: a chunk of so many blocks, negative: a gap.
inline TestImage MakeTestImage(const std::vector<int>& pattern, uint8_t seed = 1) {
  TestImage image;
  store::SealingDomain domain;
  domain.domain_id = store::kPublicDomain;
  store::Sealer sealer(domain, {});
  std::vector<std::pair<store::ChunkId, uint32_t>> extents;  // id, first block
  uint8_t fill = seed;
  for (const int run : pattern) {
    const auto blocks = static_cast<size_t>(run < 0 ? -run : run);
    Bytes raw(blocks * store::kBlockBytes);
    if (run > 0) {
      for (size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<uint8_t>(fill + i / 512 + i % 7);
      extents.emplace_back(store::ChunkId{},
                           static_cast<uint32_t>(image.bytes.size() / store::kBlockBytes));
      image.sealed.push_back(*sealer.Seal(raw));
      extents.back().first = image.sealed.back().ref.id;
      fill = static_cast<uint8_t>(fill * 31 + 17);
    }
    image.bytes.insert(image.bytes.end(), raw.begin(), raw.end());
  }
  image.manifest->image_size = image.bytes.size();
  for (const store::SealedChunk& chunk : image.sealed) image.manifest->chunks.push_back(chunk.ref);
  auto& chunks = image.manifest->chunks;
  std::sort(chunks.begin(), chunks.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  for (const auto& [id, first_block] : extents) {
    const auto at = std::find_if(chunks.begin(), chunks.end(),
                                 [&id = id](const auto& chunk) { return chunk.id == id; });
    image.manifest->extents.push_back({first_block, static_cast<uint32_t>(at - chunks.begin())});
  }
  return image;
}

}  // namespace floe::fusefs
