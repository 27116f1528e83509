// SPDX-License-Identifier: Apache-2.0
#include "keeper/protocol.h"

#include <gtest/gtest.h>

namespace floe::keeper {
namespace {

TEST(KeeperProtocolTest, RequestComesBackAsItWas) {
  const KeeperRequest request{KeeperOp::kPut, kCreateOnlyFlag, "image.0a", {1, 2, 3}};
  const auto decoded = DecodeRequest(EncodeRequest(request));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->op, KeeperOp::kPut);
  EXPECT_EQ(decoded->flags, kCreateOnlyFlag);
  EXPECT_EQ(decoded->name, "image.0a");
  EXPECT_EQ(decoded->blob, (Bytes{1, 2, 3}));
}

TEST(KeeperProtocolTest, EveryTruncatedRequestIsRefusedOrShorter) {
  const Bytes whole = EncodeRequest({KeeperOp::kGet, 0, "name", {}});
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(DecodeRequest(ByteView(whole).first(length)).ok()) << length;
  }
}

TEST(KeeperProtocolTest, UnknownVersionOperationAndFlagAreRefused) {
  const Bytes good = EncodeRequest({KeeperOp::kGet, 0, "name", {}});
  for (const size_t position : {0, 1, 3}) {
    Bytes bad = good;
    bad[position] = 99;
    EXPECT_EQ(DecodeRequest(bad).status().code(), absl::StatusCode::kInvalidArgument) << position;
  }
}

TEST(KeeperProtocolTest, ReplyCarriesCodeTextAndBody) {
  const auto decoded = DecodeReply(EncodeReply({absl::NotFoundError("no such slot"), {7}}));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->status, absl::NotFoundError("no such slot"));
  EXPECT_EQ(decoded->body, Bytes{7});
  EXPECT_FALSE(DecodeReply({}).ok());
}

TEST(KeeperProtocolTest, ListComesBackAndRefusesGarbage) {
  const Bytes body = EncodeList({{"a", 1, 20}, {"b", 0, 0}});
  const auto decoded = DecodeList(body);
  ASSERT_TRUE(decoded.ok());
  ASSERT_EQ(decoded->size(), 2u);
  EXPECT_EQ((*decoded)[0].name, "a");
  EXPECT_EQ((*decoded)[0].descriptors, 1u);
  EXPECT_EQ((*decoded)[0].blob_bytes, 20u);
  for (size_t length = 0; length < body.size(); ++length) {
    EXPECT_FALSE(DecodeList(ByteView(body).first(length)).ok()) << length;
  }
  Bytes longer = body;
  longer.push_back(0);
  EXPECT_FALSE(DecodeList(longer).ok());
  EXPECT_FALSE(DecodeList(Bytes{255, 255, 255, 255}).ok());
}

TEST(KeeperProtocolTest, SlotNames) {
  EXPECT_TRUE(ValidSlotName("image.0f-3_A"));
  EXPECT_FALSE(ValidSlotName(""));
  EXPECT_FALSE(ValidSlotName("a/b"));
  EXPECT_FALSE(ValidSlotName(std::string("a\0b", 3)));
  EXPECT_FALSE(ValidSlotName(std::string(kMaxSlotNameBytes + 1, 'a')));
}

}  // namespace
}  // namespace floe::keeper
