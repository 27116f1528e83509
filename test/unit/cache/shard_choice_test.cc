// SPDX-License-Identifier: Apache-2.0
#include "cache/shard_choice.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/fake/fake_chunk_store.h"
#include "test/unit/cache/forged_shard.h"

namespace floe::cache {
namespace {

using store::FakeSealedChunk;
using store::SealedBytes;
using store::VerifiedSealed;

TEST(ShardChoiceTest, FindsTheChunkInAnyShardsThatSuffice) {
  const VerifiedSealed chunk = FakeSealedChunk(1, 1003);
  const ErasureCode code({4, 2});
  const auto shards = MakeAllShards(chunk.id(), chunk.bytes(), code);
  for (size_t a = 0; a < 6; ++a) {
    for (size_t b = 0; b < a; ++b) {
      ShardChoice choice(chunk.id(), code);
      for (size_t i = 0; i < 6; ++i) {
        if (i == a || i == b) continue;
        EXPECT_TRUE(choice.Add(i, shards[i]));
      }
      const auto found = choice.Find();
      ASSERT_TRUE(found);
      EXPECT_EQ(*found->shared(), *chunk.shared());
      EXPECT_EQ(choice.reconstructed(), b < 4);
      EXPECT_EQ(choice.mismatches(), 0u);
      EXPECT_TRUE(choice.WrongShards(*found).empty());
    }
  }
}

TEST(ShardChoiceTest, WaitsForEnough) {
  const VerifiedSealed chunk = FakeSealedChunk(1);
  const ErasureCode code({4, 1});
  const auto shards = MakeAllShards(chunk.id(), chunk.bytes(), code);
  ShardChoice choice(chunk.id(), code);
  for (size_t i = 0; i < 3; ++i) {
    choice.Add(i, shards[i]);
    EXPECT_FALSE(choice.Find());
  }
  EXPECT_EQ(choice.mismatches(), 0u);
  choice.Add(4, shards[4]);
  EXPECT_TRUE(choice.Find());
}

TEST(ShardChoiceTest, WhatIsNoShardIsNotTaken) {
  const VerifiedSealed chunk = FakeSealedChunk(1);
  const ErasureCode code({4, 1});
  ShardChoice choice(chunk.id(), code);
  EXPECT_FALSE(choice.Add(0, std::make_shared<Bytes>(Bytes{1, 2, 3})));
  const auto other = MakeAllShards(FakeSealedChunk(2).id(), FakeSealedChunk(2).bytes(), code);
  EXPECT_FALSE(choice.Add(0, other[0]));
  EXPECT_EQ(choice.count(), 0u);
}

// A server that makes up shards with right check sums.
TEST(ShardChoiceTest, AnyOneLiarIsFoundAndNamed) {
  const VerifiedSealed chunk = FakeSealedChunk(1, 999);
  const ErasureCode code({4, 1});
  const auto shards = MakeAllShards(chunk.id(), chunk.bytes(), code);
  for (size_t liar = 0; liar < 5; ++liar) {
    ShardChoice choice(chunk.id(), code);
    for (size_t i = 0; i < 5; ++i) {
      ASSERT_TRUE(choice.Add(
          i, i == liar ? ForgedShard(chunk.id(), code.code(), i, 999, 0x5a) : shards[i]));
    }
    const auto found = choice.Find();
    ASSERT_TRUE(found) << liar;
    EXPECT_EQ(*found->shared(), *chunk.shared());
    EXPECT_LE(choice.mismatches(), 5u);
    if (choice.mismatches() > 0) {
      EXPECT_THAT(choice.WrongShards(*found), testing::ElementsAre(liar));
    }
  }
}

TEST(ShardChoiceTest, ALiarAboutTheLengthIsFoundWithoutAHash) {
  const VerifiedSealed chunk = FakeSealedChunk(1, 1000);
  const ErasureCode code({4, 1});
  const auto shards = MakeAllShards(chunk.id(), chunk.bytes(), code);
  ShardChoice choice(chunk.id(), code);
  for (size_t i = 0; i < 5; ++i) {
    choice.Add(i, i == 1 ? ForgedShard(chunk.id(), code.code(), i, 1'000'000, 0) : shards[i]);
  }
  EXPECT_TRUE(choice.Find());
  EXPECT_EQ(choice.mismatches(), 0u);
}

TEST(ShardChoiceTest, TriesAtMostAsManyChoicesAsThereAreShards) {
  for (const Code shape : {Code{4, 1}, Code{4, 2}, Code{10, 2}, Code{16, 16}}) {
    const ErasureCode code(shape);
    const store::ChunkId id = FakeSealedChunk(1).id();
    ShardChoice choice(id, code);
    for (size_t i = 0; i < shape.shards(); ++i) {
      choice.Add(i, ForgedShard(id, shape, i, 500, static_cast<uint8_t>(i)));
      EXPECT_FALSE(choice.Find());
    }
    EXPECT_LE(choice.mismatches(), shape.shards());
    EXPECT_GT(choice.mismatches(), 0u);
  }
}

TEST(ShardChoiceTest, AllPairsOfLiarsNeverGiveAWrongByte) {
  const VerifiedSealed chunk = FakeSealedChunk(1, 777);
  const ErasureCode code({4, 2});
  const auto shards = MakeAllShards(chunk.id(), chunk.bytes(), code);
  size_t found_count = 0;
  for (size_t a = 0; a < 6; ++a) {
    for (size_t b = 0; b < a; ++b) {
      ShardChoice choice(chunk.id(), code);
      for (size_t i = 0; i < 6; ++i) {
        const bool lies = i == a || i == b;
        choice.Add(i, lies ? ForgedShard(chunk.id(), code.code(), i, 777, 3) : shards[i]);
      }
      if (const auto found = choice.Find()) {
        ++found_count;
        EXPECT_EQ(*found->shared(), *chunk.shared());
      }
    }
  }
  EXPECT_GT(found_count, 3u);
}

}  // namespace
}  // namespace floe::cache
