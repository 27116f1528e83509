// SPDX-License-Identifier: Apache-2.0
#include "converter/chunk/chunker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace floe::converter {
namespace {

constexpr size_t kBlockSize = store::kBlockBytes;

BlockHash Hash(uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  Secret key(BlockHash::kKeyBytes);
  for (uint8_t& byte : key.mutable_view()) byte = static_cast<uint8_t>(random());
  return BlockHash::Create(std::move(key)).value();
}

Bytes RandomBytes(size_t blocks, uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(blocks * kBlockSize);
  for (size_t i = 0; i < bytes.size(); i += 8) {
    const uint64_t word = random() | 1;  // no zero block by chance
    std::memcpy(bytes.data() + i, &word, sizeof word);
  }
  return bytes;
}

struct Cut {
  uint32_t first_block;
  Bytes data;
  friend bool operator==(const Cut&, const Cut&) = default;
};

// Chunks of `image`, handed over in pieces of `piece` blocks.
std::vector<Cut> Chunks(ByteView image, size_t piece, const BlockHash& hash,
                        const ChunkerParameters& parameters = {}) {
  std::vector<Cut> cuts;
  BufferPool pool(parameters.max_bytes);
  Chunker chunker(parameters, hash, pool, [&](RawChunk chunk) {
    cuts.push_back({chunk.first_block, chunk.data});
    pool.Give(std::move(chunk.data));
    return absl::OkStatus();
  });
  for (size_t at = 0; at < image.size(); at += piece * kBlockSize) {
    const size_t length = std::min(piece * kBlockSize, image.size() - at);
    EXPECT_TRUE(chunker.Data(image.subspan(at, length)).ok());
  }
  EXPECT_TRUE(chunker.Finish().ok());
  EXPECT_EQ(chunker.position(), image.size());
  return cuts;
}

Bytes Rebuild(const std::vector<Cut>& cuts, size_t size) {
  Bytes image(size, 0);
  for (const Cut& cut : cuts) {
    std::copy(cut.data.begin(), cut.data.end(),
              image.begin() + static_cast<ptrdiff_t>(cut.first_block * kBlockSize));
  }
  return image;
}

TEST(ChunkerParametersTest, DescribesAndValidates) {
  EXPECT_TRUE(ChunkerParameters().Validate().ok());
  EXPECT_EQ(ChunkerParameters().Describe(), "cdc 65536/262144/1048576");
  EXPECT_FALSE((ChunkerParameters{65536, 65536, 1 << 20}).Validate().ok());
  EXPECT_FALSE((ChunkerParameters{65536, 100000, 1 << 20}).Validate().ok());
  EXPECT_FALSE((ChunkerParameters{0, 65536, 1 << 20}).Validate().ok());
  EXPECT_FALSE((ChunkerParameters{65536, 262144, 1 << 21}).Validate().ok());
  EXPECT_FALSE((ChunkerParameters{65536, 262144, 131072}).Validate().ok());
}

TEST(ChunkerTest, ChunksCoverTheImageWithinTheSizes) {
  const Bytes image = RandomBytes(20000, 1);
  const BlockHash hash = Hash();
  const std::vector<Cut> cuts = Chunks(image, 64, hash);
  EXPECT_EQ(Rebuild(cuts, image.size()), image);
  uint64_t next = 0;
  for (const Cut& cut : cuts) {
    EXPECT_EQ(cut.first_block, next);
    next += cut.data.size() / kBlockSize;
    EXPECT_LE(cut.data.size(), 1u << 20);
    if (next != 20000) {
      EXPECT_GE(cut.data.size(), 1u << 16);
    }
  }
  const double mean = static_cast<double>(image.size()) / static_cast<double>(cuts.size());
  EXPECT_GT(mean, 220 << 10);
  EXPECT_LT(mean, 290 << 10);
}

TEST(ChunkerTest, PiecesDoNotMatter) {
  Bytes image = RandomBytes(3000, 2);
  std::fill(image.begin() + 100 * kBlockSize, image.begin() + 300 * kBlockSize, 0);
  std::fill(image.begin() + 500 * kBlockSize, image.begin() + 507 * kBlockSize, 0);
  const BlockHash hash = Hash();
  const std::vector<Cut> cuts = Chunks(image, 1, hash);
  EXPECT_EQ(cuts, Chunks(image, 7, hash));
  EXPECT_EQ(cuts, Chunks(image, 3000, hash));
}

TEST(ChunkerTest, ToldZerosAreLikeZeroBytes) {
  const Bytes before = RandomBytes(40, 3);
  const Bytes after = RandomBytes(40, 4);
  const BlockHash hash = Hash();
  for (const size_t zeros : {1u, 15u, 16u, 17u, 300u}) {
    Bytes image = before;
    image.resize(image.size() + zeros * kBlockSize);
    image.insert(image.end(), after.begin(), after.end());
    std::vector<Cut> told;
    BufferPool pool(1 << 20);
    Chunker chunker({}, hash, pool, [&](RawChunk chunk) {
      told.push_back({chunk.first_block, std::move(chunk.data)});
      return absl::OkStatus();
    });
    ASSERT_TRUE(chunker.Data(before).ok());
    ASSERT_TRUE(chunker.Zeros(zeros * kBlockSize).ok());
    ASSERT_TRUE(chunker.Data(after).ok());
    ASSERT_TRUE(chunker.Finish().ok());
    EXPECT_EQ(told, Chunks(image, 64, hash)) << zeros;
    EXPECT_EQ(Rebuild(told, image.size()), image) << zeros;
  }
}

TEST(ChunkerTest, LongRunsOfZerosAreInNoChunk) {
  Bytes image = RandomBytes(1000, 5);
  std::fill(image.begin(), image.begin() + 50 * kBlockSize, 0);
  std::fill(image.begin() + 400 * kBlockSize, image.begin() + 416 * kBlockSize, 0);
  std::fill(image.begin() + 990 * kBlockSize, image.end(), 0);
  const std::vector<Cut> cuts = Chunks(image, 64, Hash());
  EXPECT_EQ(Rebuild(cuts, image.size()), image);
  size_t bytes = 0;
  for (const Cut& cut : cuts) {
    EXPECT_FALSE(IsZeroBlock(cut.data.data()));
    EXPECT_FALSE(IsZeroBlock(cut.data.data() + cut.data.size() - kBlockSize));
    bytes += cut.data.size();
  }
  EXPECT_EQ(bytes, (1000 - 50 - 16 - 10) * kBlockSize);
}

TEST(ChunkerTest, AnImageOfZerosHasNoChunk) {
  EXPECT_TRUE(Chunks(Bytes(100 * kBlockSize, 0), 10, Hash()).empty());
  EXPECT_TRUE(Chunks({}, 10, Hash()).empty());
}

TEST(ChunkerTest, ZerosNeverMakeAChunkTooLong) {
  const ChunkerParameters small{kBlockSize, 2 * kBlockSize, 8 * kBlockSize};
  std::mt19937_64 random(6);
  Bytes image = RandomBytes(4000, 6);
  for (size_t block = 0; block < 4000; ++block) {
    if (random() % 3 == 0) {
      std::fill_n(image.begin() + static_cast<ptrdiff_t>(block * kBlockSize), kBlockSize, 0);
    }
  }
  const std::vector<Cut> cuts = Chunks(image, 13, Hash(), small);
  EXPECT_EQ(Rebuild(cuts, image.size()), image);
  for (const Cut& cut : cuts) EXPECT_LE(cut.data.size(), 8 * kBlockSize);
}

TEST(ChunkerTest, BoundariesFindEachOtherAgainAfterAnInsertion) {
  const Bytes image = RandomBytes(8000, 7);
  const Bytes inserted = RandomBytes(3, 8);
  Bytes changed = image;
  changed.insert(changed.begin() + 100 * kBlockSize, inserted.begin(), inserted.end());
  const BlockHash hash = Hash();
  std::set<Bytes> before;
  for (Cut& cut : Chunks(image, 64, hash)) before.insert(std::move(cut.data));
  size_t fresh = 0;
  for (const Cut& cut : Chunks(changed, 64, hash)) {
    if (!before.contains(cut.data)) fresh += cut.data.size();
  }
  EXPECT_GT(fresh, 0u);
  EXPECT_LE(fresh, 3u << 20);  // the chunk around the insertion, and a few until they meet again
}

TEST(ChunkerTest, AnotherKeyCutsElsewhere) {
  const Bytes image = RandomBytes(4000, 9);
  EXPECT_NE(Chunks(image, 64, Hash(1)), Chunks(image, 64, Hash(2)));
}

TEST(ChunkerTest, RefusesPartsOfBlocksAndPassesErrorsOn) {
  const BlockHash hash = Hash();
  BufferPool pool(1 << 20);
  Chunker chunker({}, hash, pool, [](RawChunk) { return absl::DataLossError("sink"); });
  EXPECT_EQ(chunker.Data(Bytes(100, 1)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(chunker.Zeros(100).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(chunker.Data(RandomBytes(300, 1)).message(), "sink");
}

TEST(BufferPoolTest, BuffersComeBackEmptyWithTheirRoom) {
  BufferPool pool(1 << 20);
  Bytes buffer = pool.Take();
  buffer.resize(100);
  const uint8_t* memory = buffer.data();
  pool.Give(std::move(buffer));
  const Bytes again = pool.Take();
  EXPECT_EQ(again.data(), memory);
  EXPECT_TRUE(again.empty());
  pool.Give(Bytes(10));  // too small to be of use: dropped
  EXPECT_GE(pool.Take().capacity(), 1u << 20);
}

}  // namespace
}  // namespace floe::converter
