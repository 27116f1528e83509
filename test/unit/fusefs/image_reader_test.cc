// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/image_reader.h"

#include <gtest/gtest.h>

#include <random>

#include "base/timer.h"
#include "test/unit/fusefs/test_image.h"

namespace floe::fusefs {
namespace {

constexpr size_t kBlock = store::kBlockBytes;

class ImageReaderTest : public ::testing::Test {
 protected:
  explicit ImageReaderTest(const std::vector<int>& pattern = {2, -3, 4, 1, -2, 3})
      : image_(MakeTestImage(pattern)),
        reader_(image_.manifest, std::make_shared<ChunkLoader>(memory_, workers_, timer_),
                std::make_shared<ChunkSource>(store_, 8), "shop:1") {
    image_.AddTo(store_);
  }
  absl::StatusOr<Bytes> Read(uint64_t offset, size_t length) {
    absl::StatusOr<Bytes> result = absl::InternalError("not answered");
    reader_.Read(offset, length, {}, [&result](absl::StatusOr<std::vector<Piece>> pieces) {
      if (!pieces.ok()) {
        result = pieces.status();
        return;
      }
      Bytes bytes;
      for (const Piece& piece : *pieces) {
        const size_t at = bytes.size();
        bytes.resize(at + piece.length);
        if (piece.chunk) {
          std::copy_n(piece.chunk->begin() + static_cast<ptrdiff_t>(piece.offset), piece.length,
                      bytes.begin() + static_cast<ptrdiff_t>(at));
        }
      }
      result = std::move(bytes);
    });
    return result;
  }
  Bytes Expected(uint64_t offset, size_t length) {
    const auto begin = image_.bytes.begin() + static_cast<ptrdiff_t>(offset);
    return Bytes(begin, begin + static_cast<ptrdiff_t>(length));
  }

  TestImage image_;
  store::FakeChunkStore store_;
  store::MemoryTier memory_{1 << 20};
  InlineExecutor workers_;
  ManualTimer timer_;
  ImageReader reader_;
};

TEST_F(ImageReaderTest, ReadsTheWholeImage) {
  const auto all = Read(0, image_.bytes.size());
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(*all, image_.bytes);
}

TEST_F(ImageReaderTest, ReadsAnyRange) {
  std::mt19937 random(7);
  for (int i = 0; i < 500; ++i) {
    const uint64_t offset = random() % image_.bytes.size();
    const size_t length = random() % (image_.bytes.size() - offset + 1);
    const auto part = Read(offset, length);
    ASSERT_TRUE(part.ok()) << part.status();
    ASSERT_EQ(*part, Expected(offset, length)) << offset << "+" << length;
  }
}

TEST_F(ImageReaderTest, GapsAreZerosWithoutAFetch) {
  const auto gap = Read(2 * kBlock, 3 * kBlock);
  ASSERT_TRUE(gap.ok());
  EXPECT_EQ(*gap, Bytes(3 * kBlock));
  EXPECT_EQ(store_.gets(), 0u);
}

TEST_F(ImageReaderTest, FetchesOnlyWhatItTouches) {
  ASSERT_TRUE(Read(5 * kBlock, kBlock).ok());
  EXPECT_EQ(store_.gets(), 1u);
  EXPECT_EQ(store_.gets_of(image_.sealed[1].ref.id), 1u);
}

TEST_F(ImageReaderTest, NothingIsFetchedAhead) {
  ASSERT_TRUE(Read(0, 2 * kBlock).ok());
  ASSERT_TRUE(Read(5 * kBlock, 4 * kBlock).ok());
  EXPECT_EQ(store_.gets(), 2u);
}

TEST_F(ImageReaderTest, WhatTheNodeHasIsOpenedAheadOfAReaderThatGoesForward) {
  const store::ChunkId missing = image_.sealed[3].ref.id;
  const ImageReader reader(
      image_.manifest, std::make_shared<ChunkLoader>(memory_, workers_, timer_),
      std::make_shared<ChunkSource>(store_, 8,
                                    [missing](const store::ChunkId& id) { return id != missing; }),
      "shop:1");
  const auto read = [&reader](uint64_t offset, size_t length) {
    reader.Read(offset, length, {}, [](const auto& pieces) { EXPECT_TRUE(pieces.ok()); });
  };
  read(0, 2 * kBlock);
  EXPECT_EQ(store_.gets(), 1u);
  read(5 * kBlock, 4 * kBlock);
  for (size_t i = 0; i < image_.sealed.size(); ++i) {
    EXPECT_EQ(store_.gets_of(image_.sealed[i].ref.id), i == 3 ? 0u : 1u) << i;
  }
}

TEST_F(ImageReaderTest, ABadChunkAheadIsNobodysErrorYet) {
  store_.Remove(image_.sealed[2].ref.id);
  const ImageReader reader(
      image_.manifest, std::make_shared<ChunkLoader>(memory_, workers_, timer_),
      std::make_shared<ChunkSource>(store_, 8, [](const store::ChunkId&) { return true; }),
      "shop:1");
  reader.Read(0, 9 * kBlock, {}, [](const auto& pieces) { EXPECT_TRUE(pieces.ok()); });
  EXPECT_EQ(store_.gets_of(image_.sealed[2].ref.id), 1u);
}

TEST_F(ImageReaderTest, OutsideTheImageIsRefused) {
  const uint64_t size = image_.bytes.size();
  for (const auto& [offset, length] : std::vector<std::pair<uint64_t, size_t>>{
           {size, 1}, {size - 1, 2}, {UINT64_MAX, 1}, {1, SIZE_MAX}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Read(offset, length).status()));
  }
  EXPECT_TRUE(Read(size, 0).ok());
}

TEST_F(ImageReaderTest, OneMissingChunkFailsTheWholeReadAndIsNamed) {
  store_.Remove(image_.sealed[2].ref.id);
  const auto failed = Read(0, image_.bytes.size());
  EXPECT_TRUE(absl::IsNotFound(failed.status()));
  EXPECT_NE(failed.status().message().find("image shop:1"), std::string::npos);
  EXPECT_NE(failed.status().message().find(image_.sealed[2].ref.id.ToHex()), std::string::npos);
  store_.Add(image_.sealed[2].sealed);
  EXPECT_EQ(*Read(0, image_.bytes.size()), image_.bytes);
}

TEST_F(ImageReaderTest, MissingChunksAreFetchedInParallelAndAnsweredOnce) {
  store_.Hold();
  int answers = 0;
  reader_.Read(0, image_.bytes.size(), {}, [&](absl::StatusOr<std::vector<Piece>> pieces) {
    EXPECT_TRUE(pieces.ok());
    ++answers;
  });
  EXPECT_EQ(store_.held(), image_.sealed.size());
  EXPECT_EQ(answers, 0);
  store_.Release();
  EXPECT_EQ(answers, 1);
}

TEST_F(ImageReaderTest, TwoErrorsAreOneAnswer) {
  store_.Hold();
  int answers = 0;
  reader_.Read(0, image_.bytes.size(), {}, [&](absl::StatusOr<std::vector<Piece>> pieces) {
    EXPECT_FALSE(pieces.ok());
    ++answers;
  });
  store_.FailNext(2, absl::UnavailableError("gone"));
  store_.Release();
  EXPECT_EQ(answers, 1);
}

TEST_F(ImageReaderTest, PrefetchBringsTheChunksOfItsRanges) {
  absl::Status prefetched = absl::InternalError("not answered");
  reader_.Prefetch({{0, 1}, {6 * kBlock, 4 * kBlock}, {2 * kBlock, kBlock}}, {},
                   [&](absl::Status status) { prefetched = std::move(status); });
  EXPECT_TRUE(prefetched.ok()) << prefetched;
  EXPECT_EQ(store_.gets(), 3u);
  store_.FailNext(1, absl::UnavailableError("gone"));
  reader_.Prefetch({{0, image_.bytes.size()}}, {},
                   [&](absl::Status status) { prefetched = std::move(status); });
  EXPECT_TRUE(absl::IsUnavailable(prefetched));
  reader_.Prefetch({}, {}, [&](absl::Status status) { prefetched = std::move(status); });
  EXPECT_TRUE(prefetched.ok());
}

class SharedChunkTest : public ImageReaderTest {
 protected:
  SharedChunkTest() : ImageReaderTest({1}) {
    // The same chunk at two places.
    image_.manifest->extents.push_back({3, 0});
    image_.manifest->image_size = 4 * kBlock;
    image_.bytes.resize(4 * kBlock);
    std::copy_n(image_.bytes.begin(), kBlock, image_.bytes.begin() + 3 * kBlock);
  }
};

TEST_F(SharedChunkTest, OneChunkMayFillSeveralPlaces) {
  EXPECT_EQ(*Read(0, image_.bytes.size()), image_.bytes);
  EXPECT_EQ(store_.gets(), 1u);
}

}  // namespace
}  // namespace floe::fusefs
