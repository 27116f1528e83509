// SPDX-License-Identifier: Apache-2.0
#include "cache/erasure_code.h"

#include <bit>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace floe::cache {
namespace {

std::vector<Bytes> RandomShards(size_t count, size_t length, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Bytes> shards(count, Bytes(length));
  for (Bytes& shard : shards) {
    for (uint8_t& byte : shard) byte = static_cast<uint8_t>(random());
  }
  return shards;
}

// k+r shards, the parity computed.
std::vector<Bytes> Encoded(const ErasureCode& code, size_t length, uint64_t seed) {
  std::vector<Bytes> shards = RandomShards(code.code().k, length, seed);
  shards.resize(code.code().shards(), Bytes(length, 0xee));
  std::vector<const uint8_t*> data;
  std::vector<uint8_t*> parity;
  for (size_t i = 0; i < shards.size(); ++i) {
    if (i < code.code().k) {
      data.push_back(shards[i].data());
    } else {
      parity.push_back(shards[i].data());
    }
  }
  code.Encode(length, data, parity);
  return shards;
}

// Loses the shards of `lost` and computes the data again.
std::vector<Bytes> Recovered(const ErasureCode& code, const std::vector<Bytes>& shards,
                             uint32_t lost) {
  const size_t k = code.code().k;
  const size_t length = shards[0].size();
  std::vector<Bytes> result(shards.begin(), shards.begin() + static_cast<ptrdiff_t>(k));
  std::vector<const uint8_t*> there;
  std::vector<uint8_t*> out;
  for (size_t i = 0; i < shards.size(); ++i) {
    const bool gone = (lost >> i & 1) != 0;
    there.push_back(gone ? nullptr : shards[i].data());
    if (i < k && gone) result[i].assign(length, 0xdd);
    if (i < k) out.push_back(result[i].data());
  }
  code.Reconstruct(length, there, out);
  return result;
}

void ExpectRecovery(const Code& shape, size_t length) {
  const ErasureCode code(shape);
  const std::vector<Bytes> shards = Encoded(code, length, shape.k * 100 + shape.r);
  const std::vector<Bytes> data(shards.begin(), shards.begin() + static_cast<ptrdiff_t>(shape.k));
  for (uint32_t lost = 0; lost < uint32_t{1} << shape.shards(); ++lost) {
    if (static_cast<size_t>(std::popcount(lost)) > shape.r) continue;
    ASSERT_EQ(Recovered(code, shards, lost), data)
        << CodeText(shape) << " lost " << std::hex << lost << " length " << std::dec << length;
  }
}

TEST(ErasureCodeTest, AnyKShardsGiveTheData) {
  for (const Code shape :
       {Code{1, 0}, Code{1, 1}, Code{1, 2}, Code{1, 3}, Code{2, 1}, Code{2, 2}, Code{3, 3},
        Code{4, 0}, Code{4, 1}, Code{4, 2}, Code{5, 4}, Code{10, 1}, Code{10, 2}, Code{8, 8}}) {
    ExpectRecovery(shape, 200);
  }
}

TEST(ErasureCodeTest, EveryLengthIsFine) {
  for (const size_t length : {1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 1000, 4096, 65540}) {
    for (const Code shape : {Code{4, 1}, Code{4, 2}, Code{1, 1}}) ExpectRecovery(shape, length);
  }
}

TEST(ErasureCodeTest, TheWidestCodeRecoversFromRandomLosses) {
  const ErasureCode code({24, 8});
  const std::vector<Bytes> shards = Encoded(code, 100, 1);
  const std::vector<Bytes> data(shards.begin(), shards.begin() + 24);
  std::mt19937_64 random(2);
  for (int round = 0; round < 300; ++round) {
    uint32_t lost = 0;
    while (std::popcount(lost) < 8) lost |= uint32_t{1} << (random() % 32);
    ASSERT_EQ(Recovered(code, shards, lost), data) << std::hex << lost;
  }
}

TEST(ErasureCodeTest, OneParityShardIsTheXorAndOneDataShardIsCopied) {
  const std::vector<Bytes> four = Encoded(ErasureCode({4, 1}), 77, 3);
  for (size_t at = 0; at < 77; ++at) {
    EXPECT_EQ(four[4][at], four[0][at] ^ four[1][at] ^ four[2][at] ^ four[3][at]);
  }
  const std::vector<Bytes> copies = Encoded(ErasureCode({1, 3}), 77, 4);
  for (size_t i = 1; i < 4; ++i) EXPECT_EQ(copies[i], copies[0]);
}

TEST(ErasureCodeTest, ParityThatIsNotWantedIsLeftOut) {
  const ErasureCode code({4, 2});
  const std::vector<Bytes> shards = Encoded(code, 100, 5);
  std::vector<const uint8_t*> data;
  for (size_t i = 0; i < 4; ++i) data.push_back(shards[i].data());
  Bytes second(100);
  const std::vector<uint8_t*> parity = {nullptr, second.data()};
  code.Encode(100, data, parity);
  EXPECT_EQ(second, shards[5]);
}

// Two builds of floe share a cache: what one encodes, the other decodes.
TEST(ErasureCodeTest, TheParityOfTenPlusTwoIsPinned) {
  const ErasureCode code({10, 2});
  std::vector<Bytes> data(10, Bytes(1));
  for (size_t i = 0; i < 10; ++i) data[i][0] = static_cast<uint8_t>(1 + i);
  std::vector<const uint8_t*> in;
  for (const Bytes& shard : data) in.push_back(shard.data());
  Bytes first(1);
  Bytes second(1);
  const std::vector<uint8_t*> out = {first.data(), second.data()};
  code.Encode(1, in, out);
  EXPECT_EQ(ToHex(first) + ToHex(second), "35aa");
}

}  // namespace
}  // namespace floe::cache
