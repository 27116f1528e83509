// SPDX-License-Identifier: Apache-2.0
#include "cache/recent_ids.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace floe::cache {
namespace {

store::ChunkId IdOf(uint8_t n) {
  store::ChunkId id;
  id.bytes[0] = n;
  return id;
}

TEST(RecentIdsTest, KeepsEachOnceLastUsedFirst) {
  RecentIds recent(10);
  for (const uint8_t n : {1, 2, 3, 1}) recent.Use(IdOf(n));
  EXPECT_THAT(recent.All(), testing::ElementsAre(IdOf(1), IdOf(3), IdOf(2)));
}

TEST(RecentIdsTest, ForgetsTheOldest) {
  RecentIds recent(2);
  for (const uint8_t n : {1, 2, 1, 3}) recent.Use(IdOf(n));
  EXPECT_THAT(recent.All(), testing::ElementsAre(IdOf(3), IdOf(1)));
  EXPECT_EQ(recent.size(), 2u);
}

TEST(RecentIdsTest, OfNoneItKeepsNone) {
  RecentIds recent(0);
  recent.Use(IdOf(1));
  EXPECT_TRUE(recent.All().empty());
}

}  // namespace
}  // namespace floe::cache
