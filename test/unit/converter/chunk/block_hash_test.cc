// SPDX-License-Identifier: Apache-2.0
#include "converter/chunk/block_hash.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace floe::converter {
namespace {

Secret Key(uint64_t seed) {
  std::mt19937_64 random(seed);
  Secret key(BlockHash::kKeyBytes);
  for (uint8_t& byte : key.mutable_view()) byte = static_cast<uint8_t>(random());
  return key;
}

Bytes RandomBlock(uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes block(store::kBlockBytes);
  for (uint8_t& byte : block) byte = static_cast<uint8_t>(random());
  return block;
}

TEST(BlockHashTest, RefusesAKeyOfAnotherLength) {
  EXPECT_EQ(BlockHash::Create(Secret(BlockHash::kKeyBytes - 8)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// The definition of doc/chunking.md, written once more in the plainest way.
TEST(BlockHashTest, IsWhatTheDocumentSays) {
  const Secret key = Key(1);
  const BlockHash hash = BlockHash::Create(key.Clone()).value();
  const Bytes block = RandomBlock(2);
  const auto word = [](ByteView bytes, size_t i) {
    uint64_t value = 0;
    for (size_t b = 0; b < 8; ++b) value |= static_cast<uint64_t>(bytes[8 * i + b]) << (8 * b);
    return value;
  };
  __extension__ unsigned __int128 sum = 0;
  for (size_t i = 0; i < 512; i += 2) {
    __extension__ unsigned __int128 product = word(block, i) + word(key.view(), i);
    product *= word(block, i + 1) + word(key.view(), i + 1);
    sum += product;
  }
  uint64_t x =
      static_cast<uint64_t>(sum) ^ static_cast<uint64_t>(sum >> 64) ^ word(key.view(), 512);
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  x ^= x >> 33;
  EXPECT_EQ(hash(block.data()), x);
}

TEST(BlockHashTest, DependsOnKeyAndOnEveryByte) {
  const BlockHash hash = BlockHash::Create(Key(1)).value();
  const BlockHash other = BlockHash::Create(Key(2)).value();
  Bytes block = RandomBlock(3);
  std::set<uint64_t> seen = {hash(block.data()), other(block.data())};
  for (uint8_t& byte : block) {
    byte ^= 1;
    seen.insert(hash(block.data()));
    byte ^= 1;
  }
  EXPECT_EQ(seen.size(), store::kBlockBytes + 2);
}

TEST(BlockHashTest, IsFairOnRegularBlocks) {
  const BlockHash hash = BlockHash::Create(Key(4)).value();
  size_t below = 0;
  for (uint64_t i = 0; i < 4096; ++i) {
    Bytes block(store::kBlockBytes, 0);
    std::memcpy(block.data(), &i, sizeof i);  // blocks that differ in a counter only
    below += hash(block.data()) < UINT64_MAX / 4;
  }
  EXPECT_GT(below, 900u);
  EXPECT_LT(below, 1150u);
}

TEST(IsZeroBlockTest, OneBitAnywhereCounts) {
  Bytes block(store::kBlockBytes, 0);
  EXPECT_TRUE(IsZeroBlock(block.data()));
  for (uint8_t& byte : block) {
    byte = 128;
    EXPECT_FALSE(IsZeroBlock(block.data()));
    byte = 0;
  }
  const Bytes same(store::kBlockBytes, 7);
  EXPECT_FALSE(IsZeroBlock(same.data()));
}

}  // namespace
}  // namespace floe::converter
