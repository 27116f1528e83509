// SPDX-License-Identifier: Apache-2.0
#include "converter/chunked_image.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "test/fake/fake_chunk_store.h"

namespace floe::converter {
namespace {

using store::kBlockBytes;

// Blocks 1-2 are chunk A, block 3 is chunk B, block 6 is chunk B again, of an image of 8 blocks.
class ChunkedImageTest : public ::testing::Test {
 protected:
  ChunkedImageTest() : fake_(std::make_shared<store::FakeChunkStore>()) {
    store::Sealer sealer(domain_, {});
    Add(sealer, Bytes(2 * kBlockBytes, 'a'));
    Add(sealer, Bytes(kBlockBytes, 'b'));
    manifest_.image_size = 8 * kBlockBytes;
    manifest_.extents = {{1, 0}, {3, 1}, {6, 1}};
  }
  void Add(store::Sealer& sealer, const Bytes& raw) {
    const auto sealed = sealer.Seal(raw);
    ASSERT_TRUE(sealed.ok());
    fake_->Add(sealed->sealed);
    manifest_.chunks.push_back(sealed->ref);
  }
  std::string Expected() const {
    return std::string(kBlockBytes, '\0') + std::string(2 * kBlockBytes, 'a') +
           std::string(kBlockBytes, 'b') + std::string(2 * kBlockBytes, '\0') +
           std::string(kBlockBytes, 'b') + std::string(kBlockBytes, '\0');
  }

  store::SealingDomain domain_;
  std::shared_ptr<store::FakeChunkStore> fake_;
  store::Manifest manifest_;
};

TEST_F(ChunkedImageTest, EveryRangeReadsRight) {
  ChunkedImage image(manifest_, fake_, 1);
  const std::string expected = Expected();
  for (uint64_t offset = 0; offset < expected.size(); offset += 1365) {
    for (const uint64_t length : {1ull, 4096ull, 5000ull, 20000ull}) {
      const uint64_t size = std::min<uint64_t>(length, expected.size() - offset);
      Bytes out(size, 'x');
      ASSERT_TRUE(image.ReadAt(offset, out).ok());
      EXPECT_EQ(AsText(out), absl::string_view(expected).substr(offset, size));
    }
  }
  Bytes out(10);
  EXPECT_EQ(image.ReadAt(expected.size() - 9, out).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(image.ReadAt(UINT64_MAX, out).code(), absl::StatusCode::kOutOfRange);
}

TEST_F(ChunkedImageTest, OpenedChunksAreKept) {
  ChunkedImage image(manifest_, fake_, 2);
  Bytes out(8 * kBlockBytes);
  ASSERT_TRUE(image.ReadAt(0, out).ok());
  ASSERT_TRUE(image.ReadAt(0, out).ok());
  EXPECT_EQ(fake_->gets(), 2u);
}

TEST_F(ChunkedImageTest, MissingAndAlteredChunksAreNamed) {
  ChunkedImage image(manifest_, fake_);
  Bytes out(1);
  fake_->Corrupt(manifest_.chunks[0].id);
  const absl::Status altered = image.ReadAt(kBlockBytes, out);
  EXPECT_EQ(altered.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(altered.message().find(manifest_.chunks[0].id.ToHex()), std::string::npos);
  fake_->Remove(manifest_.chunks[1].id);
  const absl::Status missing = image.ReadAt(3 * kBlockBytes, out);
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.message().find(manifest_.chunks[1].id.ToHex()), std::string::npos);
}

}  // namespace
}  // namespace floe::converter
