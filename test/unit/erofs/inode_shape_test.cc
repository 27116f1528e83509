// SPDX-License-Identifier: Apache-2.0
#include "erofs/inode_shape.h"

#include <gtest/gtest.h>

#include "test/unit/erofs/image_helper.h"

namespace floe::erofs {
namespace {

TEST(PlaceInode, StartsOnASlot) {
  EXPECT_EQ(PlaceInode(4096, 64, 0, 0).offset, 4096u);
  EXPECT_EQ(PlaceInode(4097, 64, 0, 0).offset, 4128u);
  EXPECT_EQ(PlaceInode(4097, 64, 0, 0).end, 4192u);
}

TEST(PlaceInode, KeepsAShortTailBehindTheInode) {
  const InodePlace place = PlaceInode(4096, 64, 100, kInlineDirMax);
  EXPECT_EQ(place.tail, 100u);
  EXPECT_EQ(place.blocks, 0u);
  EXPECT_EQ(place.end, 4096u + 164);
}

TEST(PlaceInode, MovesToTheNextBlockRatherThanCrossIt) {
  const InodePlace place = PlaceInode(8192 - 96, 64, 100, kInlineDirMax);
  EXPECT_EQ(place.offset, 8192u);
  EXPECT_EQ(place.tail, 100u);
  // What ends exactly with the block may stay.
  EXPECT_EQ(PlaceInode(8192 - 160, 64, 96, kInlineDirMax).offset, 8192u - 160);
}

TEST(PlaceInode, GivesALongTailABlockOfItsOwn) {
  const InodePlace place = PlaceInode(4096, 64, kInlineDirMax + 1, kInlineDirMax);
  EXPECT_EQ(place.tail, 0u);
  EXPECT_EQ(place.blocks, 1u);
  EXPECT_EQ(place.offset, 4096u) << "without a tail there is nothing to move for";
  // No block holds inode, xattrs and tail together.
  const InodePlace full = PlaceInode(4096, 3000, 2000, kBlockBytes);
  EXPECT_EQ(full.tail, 0u);
  EXPECT_EQ(full.blocks, 1u);
}

TEST(PlaceInode, WholeBlocksHaveNoTail) {
  const InodePlace place = PlaceInode(4096, 64, 3 * 4096, kInlineDirMax);
  EXPECT_EQ(place.tail, 0u);
  EXPECT_EQ(place.blocks, 3u);
  EXPECT_EQ(PlaceInode(4096, 64, 3 * 4096 + 5, kInlineDirMax).blocks, 3u);
  EXPECT_EQ(PlaceInode(4096, 64, 3 * 4096 + 5, kInlineDirMax).tail, 5u);
}

TEST(PlaceInode, XattrsMaySpanBlocks) {
  const InodePlace place = PlaceInode(4096, 64 + 70000, 100, kInlineDirMax);
  EXPECT_EQ((place.offset + 64 + 70000) % kBlockBytes + place.tail <= kBlockBytes, true);
  EXPECT_EQ(place.tail, 100u);
}

TEST(FitsCompact, NeedsSmallNumbersAndTheBuildTime) {
  Inode inode;
  inode.mtime = 5;
  inode.mtime_nsec = 6;
  EXPECT_TRUE(FitsCompact(inode, 0xFFFFFFFF, 5, 6));
  EXPECT_FALSE(FitsCompact(inode, uint64_t{1} << 32, 5, 6));
  EXPECT_FALSE(FitsCompact(inode, 1, 5, 7));
  EXPECT_FALSE(FitsCompact(inode, 1, 4, 6));
  inode.uid = 65535;
  EXPECT_TRUE(FitsCompact(inode, 1, 5, 6));
  inode.uid = 65536;
  EXPECT_FALSE(FitsCompact(inode, 1, 5, 6));
  inode.uid = 0;
  inode.links = 65536;
  EXPECT_FALSE(FitsCompact(inode, 1, 5, 6));
}

class DirRecordsTest : public testing::Test {
 protected:
  std::vector<DirRecord> Records(const std::vector<std::string>& names) {
    TreeMaker maker;
    const InodeId file = maker.File("");
    std::vector<std::pair<absl::string_view, InodeId>> entries;
    for (const std::string& name : names) entries.emplace_back(name, file);
    EXPECT_TRUE(maker.tree.SetEntries(kRoot, std::move(entries)).ok());
    tree_ = std::move(maker.tree);
    return DirRecords(tree_, kRoot, kRoot);
  }
  Tree tree_;
};

TEST_F(DirRecordsTest, TheDotsAreSortedAmongTheNames) {
  std::string order;
  for (const DirRecord& record : Records({"a", "-", "!x", ".a", "..b", "\xff"})) {
    order += std::string(record.name) + " ";
  }
  EXPECT_EQ(order, "!x - . .. ..b .a a \xff ");
}

TEST_F(DirRecordsTest, BlocksAreFilledAsFarAsNamesFit) {
  // 12 bytes an entry and 255 of name: 15 fit into 4096 bytes, the dots take 27 of them.
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) names.push_back(std::to_string(100 + i) + std::string(252, 'n'));
  const std::vector<DirRecord> records = Records(names);
  EXPECT_EQ(RecordsInBlock(records, 0), 2u + 15u);
  EXPECT_EQ(RecordsInBlock(records, 17), 15u);
  EXPECT_EQ(RecordsInBlock(records, 32), 10u);
  EXPECT_EQ(RecordsInBlock(records, 42), 0u);
  EXPECT_EQ(DirBytes(records), 2 * 4096u + 10 * 267u);
}

TEST_F(DirRecordsTest, AnEmptyDirectoryHasTheDots) {
  EXPECT_EQ(DirBytes(Records({})), 12u + 1 + 12 + 2);
}

}  // namespace
}  // namespace floe::erofs
