// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/sequential_reads.h"

#include <gtest/gtest.h>

#include <vector>

namespace floe::fusefs {
namespace {

std::vector<uint32_t> Ahead(SequentialReads& reads, uint32_t first, uint32_t last) {
  const SequentialReads::Range range = reads.Note(first, last);
  std::vector<uint32_t> extents;
  for (uint32_t extent = range.begin; extent < range.end; ++extent) extents.push_back(extent);
  return extents;
}

TEST(SequentialReadsTest, OneInARowIsChance) {
  SequentialReads reads;
  for (const uint32_t extent : {10, 500, 90, 10, 500, 7, 7}) {
    EXPECT_TRUE(Ahead(reads, extent, extent).empty()) << extent;
  }
}

TEST(SequentialReadsTest, EachExtentIsAskedForOnce) {
  SequentialReads reads;
  EXPECT_TRUE(Ahead(reads, 0, 0).empty());
  EXPECT_EQ(Ahead(reads, 1, 1), (std::vector<uint32_t>{2, 3, 4, 5}));
  EXPECT_TRUE(Ahead(reads, 1, 1).empty());
  EXPECT_EQ(Ahead(reads, 2, 2), (std::vector<uint32_t>{6}));
  EXPECT_EQ(Ahead(reads, 3, 5), (std::vector<uint32_t>{7, 8, 9}));
}

TEST(SequentialReadsTest, AReadOverSeveralExtentsIsARow) {
  SequentialReads reads;
  EXPECT_EQ(Ahead(reads, 20, 22), (std::vector<uint32_t>{23, 24, 25, 26}));
}

TEST(SequentialReadsTest, ReadersInTurnsDoNotDisturbEachOther) {
  SequentialReads reads;
  size_t asked = 0;
  for (uint32_t step = 0; step < 50; ++step) {
    for (uint32_t reader = 0; reader < 8; ++reader) {
      asked += Ahead(reads, reader * 1000 + step, reader * 1000 + step).size();
    }
  }
  EXPECT_EQ(asked, 8 * (49 + SequentialReads::kAhead - 1));
}

TEST(SequentialReadsTest, AReaderThatGoesBackStartsAnew) {
  SequentialReads reads;
  (void)reads.Note(40, 40);
  (void)reads.Note(41, 41);
  EXPECT_TRUE(Ahead(reads, 30, 30).empty());
  EXPECT_EQ(Ahead(reads, 31, 31), (std::vector<uint32_t>{32, 33, 34, 35}));
}

}  // namespace
}  // namespace floe::fusefs
