// SPDX-License-Identifier: Apache-2.0
#include "cache/shard.h"

#include <random>

#include "gtest/gtest.h"
#include "test/fake/fake_chunk_store.h"

namespace floe::cache {
namespace {

using store::FakeSealedChunk;
using store::SealedBytes;
using store::VerifiedSealed;

std::vector<std::optional<ShardView>> Parsed(const VerifiedSealed& chunk, const Code& code,
                                             const std::vector<SealedBytes>& shards) {
  std::vector<std::optional<ShardView>> views;
  for (size_t i = 0; i < shards.size(); ++i) {
    auto view = ParseShard(*shards[i], chunk.id(), code, i);
    EXPECT_TRUE(view.ok()) << view.status();
    views.emplace_back(*view);
  }
  return views;
}

TEST(ShardTest, KeysNameChunkCodeAndPlace) {
  const store::ChunkId id = FakeSealedChunk(1).id();
  EXPECT_EQ(ShardKey(id, {10, 2}, 11), "f1." + id.ToHex() + ".10.2.11");
  EXPECT_EQ(LeaseKey(id), "f1." + id.ToHex() + ".lease");
  EXPECT_LT(ShardKey(id, {10, 2}, 11).size(), 250u) << "memcached takes no longer keys";
}

TEST(ShardTest, AnyShardsThatSufficeGiveTheChunk) {
  for (const size_t size : {1, 3, 4, 5, 16, 17, 4112, 100'003, (1 << 20) + 16}) {
    for (const Code shape : {Code{1, 0}, Code{1, 1}, Code{4, 1}, Code{3, 2}, Code{10, 2}}) {
      const VerifiedSealed chunk = FakeSealedChunk(7, size);
      const ErasureCode code(shape);
      const auto shards = MakeAllShards(chunk.id(), chunk.bytes(), code);
      ASSERT_EQ(shards.size(), shape.shards());
      for (const auto& shard : shards) {
        EXPECT_EQ(shard->size(), kShardHeaderBytes + (size + shape.k - 1) / shape.k);
      }
      const auto all = Parsed(chunk, shape, shards);
      for (size_t lost = 0; lost < shape.shards(); ++lost) {
        auto some = all;
        if (shape.r > 0) some[lost].reset();
        if (shape.r > 1) some[(lost + 1) % shape.shards()].reset();
        EXPECT_EQ(*JoinShards(code, some), *chunk.shared()) << CodeText(shape) << " of " << size;
      }
    }
  }
}

TEST(ShardTest, SomeShardsAreThoseOfAll) {
  const VerifiedSealed chunk = FakeSealedChunk(3, 1001);
  const ErasureCode code({4, 2});
  const auto all = MakeAllShards(chunk.id(), chunk.bytes(), code);
  const auto some = MakeShards(chunk.id(), chunk.bytes(), code, {5, 0, 3});
  ASSERT_EQ(some.size(), 3u);
  EXPECT_EQ(*some[0], *all[5]);
  EXPECT_EQ(*some[1], *all[0]);
  EXPECT_EQ(*some[2], *all[3]);
}

TEST(ShardTest, TheHeaderIsPinned) {
  const VerifiedSealed chunk = FakeSealedChunk(1, 18);
  const auto shards = MakeAllShards(chunk.id(), chunk.bytes(), ErasureCode({4, 1}));
  EXPECT_EQ(ToHex(ByteView(*shards[2]).first(12)),
            "464c5331"
            "04010200"
            "12000000");
  EXPECT_EQ(shards[2]->size(), 16u + 5u);
  // Five bytes each: the last ends in two of filling.
  EXPECT_EQ(shards[3]->back(), 0);
  EXPECT_EQ(shards[3]->at(19), 0);
}

TEST(ShardTest, AnyFlippedBitAndAnyOtherLengthIsRefused) {
  const VerifiedSealed chunk = FakeSealedChunk(9, 130);
  const Code code{4, 1};
  const auto shards = MakeAllShards(chunk.id(), chunk.bytes(), ErasureCode(code));
  for (size_t i = 0; i < shards.size(); ++i) {
    for (size_t bit = 0; bit < 8 * shards[i]->size(); ++bit) {
      Bytes flipped = *shards[i];
      flipped[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
      EXPECT_TRUE(absl::IsDataLoss(ParseShard(flipped, chunk.id(), code, i).status())) << bit;
    }
    for (size_t length = 0; length <= shards[i]->size() + 40; ++length) {
      Bytes cut = *shards[i];
      cut.resize(length);
      EXPECT_EQ(ParseShard(cut, chunk.id(), code, i).ok(), length == shards[i]->size());
    }
  }
}

TEST(ShardTest, AShardFitsOnlyItsChunkItsCodeAndItsPlace) {
  const VerifiedSealed chunk = FakeSealedChunk(9, 120);
  const auto shards = MakeAllShards(chunk.id(), chunk.bytes(), ErasureCode({4, 1}));
  EXPECT_TRUE(ParseShard(*shards[1], chunk.id(), {4, 1}, 1).ok());
  EXPECT_FALSE(ParseShard(*shards[1], FakeSealedChunk(8, 120).id(), {4, 1}, 1).ok());
  EXPECT_FALSE(ParseShard(*shards[1], chunk.id(), {4, 1}, 2).ok());
  EXPECT_FALSE(ParseShard(*shards[1], chunk.id(), {4, 2}, 1).ok());
  EXPECT_FALSE(ParseShard(*shards[1], chunk.id(), {3, 1}, 1).ok());
}

TEST(ShardTest, NoiseIsRefused) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 2000; ++round) {
    Bytes noise(random() % 100);
    for (uint8_t& byte : noise) byte = static_cast<uint8_t>(random());
    EXPECT_FALSE(ParseShard(noise, FakeSealedChunk(1).id(), {4, 1}, 0).ok());
  }
}

}  // namespace
}  // namespace floe::cache
