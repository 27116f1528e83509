// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/catalog.h"

#include <gtest/gtest.h>

#include <set>

#include "bench/sim/constants.h"

namespace floe::sim {
namespace {

TEST(ChunkPool, ChunksAreWhatTheirIdsSayAndDifferBySeed) {
  ChunkPool pool(1);
  ChunkPool other(2);
  std::set<store::ChunkId> ids;
  for (int i = 0; i < 100; ++i) {
    const store::VerifiedSealed& chunk = pool.chunk(pool.Make());
    EXPECT_TRUE(store::VerifyById(chunk.id(), chunk.shared()).ok());
    ids.insert(chunk.id());
    ids.insert(other.chunk(other.Make()).id());
  }
  EXPECT_EQ(ids.size(), 200u);
  EXPECT_EQ(pool.NumberOf(pool.chunk(42).id()), 42u);
  EXPECT_FALSE(pool.NumberOf(other.chunk(0).id()).has_value());
}

TEST(Catalog, ImagesShareAsThePaperSays) {
  Catalog catalog({3000, 100}, 1);
  ASSERT_EQ(catalog.images(), 3000u);
  // Of two uploads in a row of a family four in five are copies; the rest has few chunks of its
  // own, so reads of all images are many times the distinct chunks ([B 3]: up to 23 times, and
  // five times more by the copies).
  EXPECT_GT(catalog.DedupFactor(), 10);
  double reads = 0;
  for (size_t image = 0; image < catalog.images(); ++image) {
    reads += static_cast<double>(catalog.image(image).size());
  }
  EXPECT_NEAR(reads / 3000, kChunksAStart, kChunksAStart * 0.2);
}

TEST(Catalog, FourOfFiveUploadsAddNoChunk) {
  Catalog catalog({3000, 100}, 1);
  Random random(5);
  int without = 0;
  for (int i = 0; i < 2000; ++i) {
    const size_t before = catalog.chunks().size();
    const size_t image = catalog.Upload(random);
    EXPECT_EQ(image, catalog.images() - 1);
    without += catalog.chunks().size() == before ? 1 : 0;
  }
  EXPECT_NEAR(without / 2000.0, kShareOfCopies, 0.03);
}

TEST(Catalog, TheSameSeedGivesTheSameImages) {
  Catalog one({500, 20}, 9);
  Catalog two({500, 20}, 9);
  ASSERT_EQ(one.chunks().size(), two.chunks().size());
  for (size_t image = 0; image < 500; ++image) EXPECT_EQ(one.image(image), two.image(image));
}

}  // namespace
}  // namespace floe::sim
