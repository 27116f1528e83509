// SPDX-License-Identifier: Apache-2.0
#include "fusefs/fuse/init_exchange.h"

#include <gtest/gtest.h>
#include <linux/fuse.h>

#include <cstring>

namespace floe::fusefs {
namespace {

Bytes InitRequest(uint32_t major, uint32_t minor, uint32_t flags = 0xffffffff) {
  struct fuse_in_header header = {};
  struct fuse_init_in init = {};
  header.len = sizeof header + sizeof init;
  header.opcode = FUSE_INIT;
  header.unique = 2;
  init.major = major;
  init.minor = minor;
  init.max_readahead = 131072;
  init.flags = flags;
  Bytes request(header.len);
  std::memcpy(request.data(), &header, sizeof header);
  std::memcpy(request.data() + sizeof header, &init, sizeof init);
  return request;
}

struct fuse_init_out ReplyTo(const Bytes& request) {
  const auto reply = MakeInitReply(request);
  EXPECT_TRUE(reply.ok()) << reply.status();
  struct fuse_init_out out;
  std::memcpy(&out, reply->data() + sizeof(fuse_out_header), sizeof out);
  return out;
}

// Golden: another reply would make every later version refuse to take over from this one.
TEST(InitExchangeTest, TheReplyIsWhatItHasAlwaysBeen) {
  const auto out = ReplyTo(InitRequest(7, 45));
  EXPECT_EQ(out.major, 7u);
  EXPECT_EQ(out.minor, 36u);
  EXPECT_EQ(out.max_readahead, 131072u);
  EXPECT_EQ(out.flags, FUSE_ASYNC_READ | FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES);
  EXPECT_EQ(out.max_background, 4096);
  EXPECT_EQ(out.congestion_threshold, 4096);
  EXPECT_EQ(out.max_write, 4096u);
  EXPECT_EQ(out.max_pages, 256);
  EXPECT_EQ(out.flags2, 0u);
}

TEST(InitExchangeTest, AnOlderKernelGetsWhatItOffers) {
  const auto out = ReplyTo(InitRequest(7, 34, FUSE_ASYNC_READ | FUSE_MAX_PAGES));
  EXPECT_EQ(out.minor, 34u);
  EXPECT_EQ(out.flags, FUSE_ASYNC_READ | FUSE_MAX_PAGES);
}

TEST(InitExchangeTest, TooOldAndMalformedAreRefused) {
  EXPECT_TRUE(absl::IsFailedPrecondition(MakeInitReply(InitRequest(7, 30)).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(MakeInitReply(InitRequest(6, 45)).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(MakeInitReply(InitRequest(8, 1)).status()));
  const Bytes request = InitRequest(7, 45);
  EXPECT_FALSE(MakeInitReply(ByteView(request).first(50)).ok());
  EXPECT_FALSE(MakeInitReply({}).ok());
  Bytes other = request;
  other[4] = FUSE_LOOKUP;
  EXPECT_FALSE(MakeInitReply(other).ok());
}

TEST(InitExchangeTest, TheSlotComesBackAndRefusesGarbage) {
  const Bytes request = InitRequest(7, 45);
  const InitExchange exchange{request, *MakeInitReply(request)};
  const Bytes slot = EncodeInitExchange(exchange);
  const auto back = DecodeInitExchange(slot);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->request, exchange.request);
  EXPECT_EQ(back->reply, exchange.reply);
  for (size_t length = 0; length < slot.size(); ++length) {
    EXPECT_FALSE(DecodeInitExchange(ByteView(slot).first(length)).ok()) << length;
  }
  Bytes longer = slot;
  longer.push_back(0);
  EXPECT_FALSE(DecodeInitExchange(longer).ok());
  Bytes newer = slot;
  newer[0] = 2;
  EXPECT_FALSE(DecodeInitExchange(newer).ok());
}

TEST(InitExchangeTest, OnlyTheSamePromiseIsTakenOver) {
  const Bytes request = InitRequest(7, 45);
  InitExchange exchange{request, *MakeInitReply(request)};
  EXPECT_TRUE(CheckTakeover(exchange).ok());
  exchange.reply.back() ^= 1;
  const absl::Status refused = CheckTakeover(exchange);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_NE(refused.message().find("start that version again"), std::string::npos);
  exchange.request = InitRequest(7, 1);
  EXPECT_FALSE(CheckTakeover(exchange).ok());
}

}  // namespace
}  // namespace floe::fusefs
