// SPDX-License-Identifier: Apache-2.0
#include "erofs/metadata_cache.h"

#include <gtest/gtest.h>

#include "test/unit/erofs/image_helper.h"

namespace floe::erofs {
namespace {

class MetadataCacheTest : public testing::Test {
 protected:
  MetadataCacheTest() : image_(1'000'000) {
    for (size_t i = 0; i < image_.size(); ++i) image_[i] = static_cast<uint8_t>(i * 31 >> 3);
    read_ = [this](uint64_t offset, MutableByteView out) {
      ++reads_;
      return ReadFrom(image_)(offset, out);
    };
  }
  Bytes image_;
  ReadAt read_;
  int reads_ = 0;
};

TEST_F(MetadataCacheTest, GivesWhatTheImageHas) {
  MetadataCache cache(read_, image_.size());
  for (const uint64_t offset : {0u, 1u, 65535u, 65536u, 500000u, 999999u}) {
    for (const uint64_t size : {0u, 1u, 100u, 70000u, 200000u}) {
      if (offset + size > image_.size()) continue;
      const absl::StatusOr<Bytes> got = cache.Get(offset, size);
      ASSERT_TRUE(got.ok());
      EXPECT_TRUE(
          std::equal(got->begin(), got->end(), image_.begin() + static_cast<ptrdiff_t>(offset)));
      EXPECT_EQ(got->size(), size);
    }
  }
}

TEST_F(MetadataCacheTest, NeighboursCostOneRead) {
  MetadataCache cache(read_, image_.size());
  for (uint64_t at = 0; at < 60000; at += 64) ASSERT_TRUE(cache.Get(at, 64).ok());
  EXPECT_EQ(reads_, 1);
  // Inodes, directory blocks and xattrs are read side by side.
  for (int i = 0; i < 100; ++i) {
    for (const uint64_t place : {0u, 300000u, 600000u}) ASSERT_TRUE(cache.Get(place, 10).ok());
  }
  EXPECT_EQ(reads_, 3);
}

TEST_F(MetadataCacheTest, NothingOutsideTheImageIsAsked) {
  MetadataCache cache(read_, image_.size());
  const std::pair<uint64_t, uint64_t> outside[] = {
      {1'000'000, 1}, {999'999, 2}, {~uint64_t{0}, 1}, {0, ~uint64_t{0}}, {5, ~uint64_t{0} - 3}};
  for (const auto& [offset, size] : outside) {
    EXPECT_TRUE(absl::IsDataLoss(cache.Get(offset, size).status())) << offset << " " << size;
  }
  EXPECT_EQ(reads_, 0);
  EXPECT_TRUE(absl::IsDataLoss(cache.Struct<SuperBlock>(999'990).status()));
}

TEST_F(MetadataCacheTest, AFailedReadIsNotKept) {
  bool broken = true;
  const ReadAt read = [&](uint64_t offset, MutableByteView out) -> absl::Status {
    if (broken) return absl::UnavailableError("later");
    return ReadFrom(image_)(offset, out);
  };
  MetadataCache cache(read, image_.size());
  EXPECT_TRUE(absl::IsUnavailable(cache.Get(0, 4).status()));
  broken = false;
  EXPECT_EQ(cache.Get(0, 1)->at(0), image_[0]);
}

}  // namespace
}  // namespace floe::erofs
