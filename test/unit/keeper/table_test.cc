// SPDX-License-Identifier: Apache-2.0
#include "keeper/table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace floe::keeper {
namespace {

class TableTest : public ::testing::Test {
 protected:
  KeeperReply Do(KeeperOp op, const std::string& name, Bytes blob = {}, uint16_t flags = 0,
                 std::vector<UniqueFd> descriptors = {}) {
    sent_.clear();
    return table_.Handle({op, flags, name, std::move(blob)}, std::move(descriptors), sent_);
  }
  Table table_;
  std::vector<int> sent_;
};

TEST_F(TableTest, GetGivesBlobAndDescriptors) {
  std::vector<UniqueFd> descriptors;
  descriptors.emplace_back(open("/dev/null", O_RDONLY));
  ASSERT_TRUE(Do(KeeperOp::kPut, "a", {1}, 0, std::move(descriptors)).status.ok());
  const KeeperReply reply = Do(KeeperOp::kGet, "a");
  EXPECT_TRUE(reply.status.ok());
  EXPECT_EQ(reply.body, Bytes{1});
  EXPECT_EQ(sent_.size(), 1u);
  EXPECT_FALSE(table_.HoldsFuse());
}

TEST_F(TableTest, DeleteClosesAndForgets) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd reader(ends[0]);
  std::vector<UniqueFd> descriptors;
  descriptors.emplace_back(ends[1]);
  ASSERT_TRUE(Do(KeeperOp::kPut, "a", {}, 0, std::move(descriptors)).status.ok());
  char byte;
  EXPECT_EQ(read(reader.get(), &byte, 1), -1);  // the other end is open
  EXPECT_TRUE(Do(KeeperOp::kDelete, "a").status.ok());
  EXPECT_EQ(read(reader.get(), &byte, 1), 0);
  EXPECT_TRUE(absl::IsNotFound(Do(KeeperOp::kGet, "a").status));
  EXPECT_TRUE(absl::IsNotFound(Do(KeeperOp::kDelete, "a").status));
}

TEST_F(TableTest, CreateOnlyKeepsWhatIsThere) {
  ASSERT_TRUE(Do(KeeperOp::kPut, "a", {1}, kCreateOnlyFlag).status.ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Do(KeeperOp::kPut, "a", {2}, kCreateOnlyFlag).status));
  EXPECT_EQ(Do(KeeperOp::kGet, "a").body, Bytes{1});
  EXPECT_TRUE(Do(KeeperOp::kPut, "a", {3}).status.ok());
  EXPECT_EQ(Do(KeeperOp::kGet, "a").body, Bytes{3});
}

TEST_F(TableTest, LimitsLeaveTheSlotAsItWas) {
  ASSERT_TRUE(Do(KeeperOp::kPut, "a", {1}).status.ok());
  EXPECT_TRUE(
      absl::IsResourceExhausted(Do(KeeperOp::kPut, "a", Bytes(kMaxSlotBlobBytes + 1)).status));
  std::vector<UniqueFd> many(kMaxSlotDescriptors + 1);
  EXPECT_TRUE(absl::IsResourceExhausted(Do(KeeperOp::kPut, "a", {}, 0, std::move(many)).status));
  EXPECT_FALSE(Do(KeeperOp::kPut, "bad name", {}).status.ok());
  EXPECT_EQ(Do(KeeperOp::kGet, "a").body, Bytes{1});
}

TEST_F(TableTest, BytesOfAllSlotsAreLimitedAndFreed) {
  size_t slots = 0;
  while (Do(KeeperOp::kPut, absl::StrCat("s", slots), Bytes(kMaxSlotBlobBytes)).status.ok())
    ++slots;
  EXPECT_EQ(slots, kMaxTotalBlobBytes / kMaxSlotBlobBytes);
  ASSERT_TRUE(Do(KeeperOp::kDelete, "s0").status.ok());
  EXPECT_TRUE(Do(KeeperOp::kPut, "again", Bytes(kMaxSlotBlobBytes)).status.ok());
}

TEST_F(TableTest, SlotsAreLimitedAndListedInPages) {
  for (size_t i = 0; i < kMaxSlots; ++i) {
    ASSERT_TRUE(Do(KeeperOp::kPut, absl::StrCat("image.", i)).status.ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(Do(KeeperOp::kPut, "one.more").status));
  size_t listed = 0;
  std::string last;
  while (true) {
    const ByteView after = AsBytes(last);
    const auto page =
        DecodeList(Do(KeeperOp::kList, "image.", Bytes(after.begin(), after.end())).body);
    ASSERT_TRUE(page.ok());
    if (page->empty()) break;
    listed += page->size();
    EXPECT_GT(page->front().name, last);
    last = page->back().name;
  }
  EXPECT_EQ(listed, kMaxSlots);
}

TEST_F(TableTest, KnowsAFuseDescriptor) {
  std::vector<UniqueFd> descriptors;
  descriptors.emplace_back(open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!descriptors[0]) GTEST_SKIP() << "no /dev/fuse";
  ASSERT_TRUE(Do(KeeperOp::kPut, kFuseDeviceSlot, {}, 0, std::move(descriptors)).status.ok());
  EXPECT_TRUE(table_.HoldsFuse());
}

}  // namespace
}  // namespace floe::keeper
