// SPDX-License-Identifier: Apache-2.0
// room: cache
// Shards from servers that lie. The first two bytes choose code and place, the third whether the
// check sum is made right first; what parses must keep every rule that joining relies on.
#include <cstdlib>

#include "cache/shard_choice.h"

namespace floe::cache {
namespace {

void Require(bool ok) {
  if (!ok) std::abort();
}

void MakeCrcFit(const store::ChunkId& id, Bytes& shard) {
  if (shard.size() < kShardHeaderBytes) return;
  const uint32_t crc = ShardCrc(id, shard);
  for (int i = 0; i < 4; ++i) shard[12 + i] = static_cast<uint8_t>(crc >> (8 * i));
}

void Fuzz(const uint8_t* data, size_t size) {
  if (size < 3) return;
  const Code code{size_t{1} + data[0] % 12, size_t{data[1]} % 4};
  const size_t index = data[1] / 4 % code.shards();
  store::ChunkId id;
  id.bytes[5] = 7;
  auto shard = std::make_shared<Bytes>(data + 3, data + size);
  if (data[2] % 2 == 1) MakeCrcFit(id, *shard);
  const ErasureCode erasure(code);
  ShardChoice choice(id, erasure);
  const auto view = ParseShard(*shard, id, code, index);
  Require(view.ok() == choice.Add(index, shard));
  Require(!choice.Find());
  if (!view.ok()) return Require(absl::IsDataLoss(view.status()));
  Require(view->sealed_length >= 1 && view->sealed_length <= kMaxShardedBytes);
  Require(view->payload.size() * code.k >= view->sealed_length);
  // The same bytes in all places: they join to something of the length that they claim.
  std::vector<std::optional<ShardView>> all(code.shards(), *view);
  if (code.r > 0) all[index].reset();
  Require(JoinShards(erasure, all)->size() == view->sealed_length);
}

}  // namespace
}  // namespace floe::cache

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  floe::cache::Fuzz(data, size);
  return 0;
}
