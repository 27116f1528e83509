// SPDX-License-Identifier: Apache-2.0
#include "store/tier/disk_index.h"

#include <gtest/gtest.h>

namespace floe::store {
namespace {

constexpr UseTime kStep = 10 * DiskIndex::kCorrelated;

ChunkId Id(uint32_t n) {
  ChunkId id;
  std::memcpy(id.bytes.data(), &n, sizeof n);
  return id;
}

TEST(DiskIndexTest, WhatWasUsedOnceGoesBeforeWhatWasUsedTwice) {
  DiskIndex index;
  index.Insert(Id(1), 100, 1 * kStep);
  index.Touch(Id(1), 2 * kStep);
  index.Insert(Id(2), 100, 3 * kStep);
  index.Insert(Id(3), 100, 4 * kStep);
  EXPECT_EQ(index.PopVictim()->first, Id(2));
  EXPECT_EQ(index.PopVictim()->first, Id(3));
  EXPECT_EQ(index.PopVictim()->first, Id(1));
  EXPECT_FALSE(index.PopVictim());
}

TEST(DiskIndexTest, AmongThoseUsedTwiceTheSecondLastUseDecides) {
  DiskIndex index;
  for (uint32_t n = 1; n <= 2; ++n) index.Insert(Id(n), 100, n * kStep);
  index.Touch(Id(2), 3 * kStep);
  index.Touch(Id(1), 4 * kStep);  // 1: uses 1, 4;  2: uses 2, 3
  EXPECT_EQ(index.PopVictim()->first, Id(1));
}

TEST(DiskIndexTest, UsesCloseTogetherAreOne) {
  DiskIndex index;
  index.Insert(Id(1), 100, kStep);
  for (UseTime t = 1; t < 100; ++t) index.Touch(Id(1), kStep + t);
  EXPECT_EQ(index.Find(Id(1))->second_last, 0u);
  index.Touch(Id(1), 3 * kStep);
  EXPECT_EQ(index.Find(Id(1))->second_last, kStep + 99);
}

TEST(DiskIndexTest, AScanDoesNotPushOutWhatIsReadAgainAndAgain) {
  DiskIndex index;
  UseTime now = kStep;
  for (uint32_t n = 0; n < 10; ++n) index.Insert(Id(n), 100, now += kStep);
  for (uint32_t n = 0; n < 10; ++n) index.Touch(Id(n), now += kStep);
  for (uint32_t n = 100; n < 10000; ++n) {
    index.Insert(Id(n), 100, now += kStep);
    while (index.size() > 20) index.PopVictim();
  }
  for (uint32_t n = 0; n < 10; ++n) EXPECT_NE(index.Find(Id(n)), nullptr) << n;
}

TEST(DiskIndexTest, WhatComesBackSoonCountsItsEarlierUse) {
  DiskIndex index;
  index.Insert(Id(1), 100, 1 * kStep);
  ASSERT_EQ(index.PopVictim()->first, Id(1));
  index.Insert(Id(1), 100, 2 * kStep);
  EXPECT_EQ(index.Find(Id(1))->second_last, 1 * kStep);
}

TEST(DiskIndexTest, WhatIsRememberedIsBounded) {
  DiskIndex index;
  for (uint32_t n = 0; n < 20000; ++n) {
    index.Insert(Id(n), 100, n * kStep + 1);
    index.PopVictim();
  }
  index.Insert(Id(5), 100, 30000 * kStep);
  EXPECT_EQ(index.Find(Id(5))->second_last, 0u);  // long forgotten
  index.Insert(Id(19999), 100, 30000 * kStep);
  EXPECT_NE(index.Find(Id(19999))->second_last, 0u);
}

TEST(DiskIndexTest, AClockThatGoesBackHarmsNothing) {
  DiskIndex index;
  index.Insert(Id(1), 100, 5 * kStep);
  index.Touch(Id(1), kStep);
  EXPECT_EQ(index.Find(Id(1))->last, 5 * kStep);
  index.Erase(Id(1));
  index.Erase(Id(1));
  EXPECT_EQ(index.size(), 0u);
}

TEST(DiskIndexTest, IdsComeInOrderAndPages) {
  DiskIndex index;
  for (uint32_t n = 0; n < 100; ++n) index.Restore(Id(n * 7919 % 1000), 1, 1, 0);
  std::vector<ChunkId> all;
  std::optional<ChunkId> after;
  while (true) {
    const auto page = index.Ids(after, 7);
    if (page.empty()) break;
    all.insert(all.end(), page.begin(), page.end());
    after = page.back();
  }
  EXPECT_EQ(all.size(), 100u);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
}

TEST(DiskIndexTest, GenerationsDiffer) {
  DiskIndex index;
  const uint64_t first = index.Insert(Id(1), 100, 1);
  index.Erase(Id(1));
  EXPECT_NE(index.Insert(Id(1), 100, 2), first);
}

}  // namespace
}  // namespace floe::store
