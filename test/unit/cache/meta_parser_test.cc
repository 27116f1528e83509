// SPDX-License-Identifier: Apache-2.0
#include "cache/meta_parser.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace floe::cache {
namespace {

using Kind = MetaReply::Kind;

// All replies in `stream`, given to the parser in pieces of `step` bytes; the error if there is
// one.
absl::StatusOr<std::vector<MetaReply>> Parse(absl::string_view stream, size_t step) {
  MetaParser parser;
  std::vector<MetaReply> replies;
  while (!stream.empty()) {
    size_t took = 0;
    for (const MutableByteView space : parser.Spaces()) {
      const size_t bytes = std::min({step - took, space.size(), stream.size()});
      std::copy_n(stream.begin(), bytes, space.begin());
      stream.remove_prefix(bytes);
      took += bytes;
    }
    EXPECT_GT(took, 0u);
    parser.Took(took);
    while (true) {
      FLOE_ASSIGN_OR_RETURN(std::optional<MetaReply> reply, parser.Next());
      if (!reply) break;
      replies.push_back(*std::move(reply));
    }
  }
  return replies;
}

TEST(MetaParserTest, FindsEveryReplyHoweverTheStreamIsCut) {
  const std::string big(100'000, 'b');
  const std::string stream = absl::StrCat(
      "VA 5\r\nhello\r\nEN\r\nHD\r\nNS\r\nVA 0\r\n\r\nVA 100000 s100000 t-1\r\n", big,
      "\r\nSTAT item_size_max 1048576\r\nEND\r\nSERVER_ERROR out of memory\r\nEN O1\r\n");
  for (const size_t step :
       {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{100}, size_t{4096}, size_t{1} << 20}) {
    auto replies = Parse(stream, step);
    ASSERT_TRUE(replies.ok()) << replies.status();
    ASSERT_EQ(replies->size(), 10u) << step;
    EXPECT_EQ(AsText(*(*replies)[0].value), "hello");
    EXPECT_EQ((*replies)[1].kind, Kind::kMiss);
    EXPECT_EQ((*replies)[2].kind, Kind::kStored);
    EXPECT_EQ((*replies)[3].kind, Kind::kNotStored);
    EXPECT_TRUE((*replies)[4].value->empty());
    EXPECT_EQ(AsText(*(*replies)[5].value), big);
    EXPECT_EQ((*replies)[6].text, "item_size_max 1048576");
    EXPECT_EQ((*replies)[7].kind, Kind::kEnd);
    EXPECT_EQ((*replies)[8].text, "SERVER_ERROR out of memory");
    EXPECT_EQ((*replies)[9].kind, Kind::kMiss);
  }
}

TEST(MetaParserTest, RefusesWhatIsNoAnswerOfMemcached) {
  for (const char* stream : {"HTTP/1.1 400 Bad Request\r\n", "VA -1\r\n", "VA x\r\n", "VA \r\n",
                             "VA 99999999\r\n", "VA 18446744073709551617\r\n", "EN\n", "\r\n",
                             "ENX\r\n", "VA 2\r\nabc\r\n", "VA 2\r\nab\r\r\n", "VALUE k 0 5\r\n"}) {
    for (const size_t step : {1, 100}) {
      EXPECT_TRUE(absl::IsDataLoss(Parse(stream, step).status())) << stream;
    }
  }
  EXPECT_TRUE(absl::IsDataLoss(Parse(std::string(10'000, 'x'), 100).status()));
  EXPECT_NE(Parse("HTTP/1.1 400\r\n", 50).status().message().find("memcached"), std::string::npos);
}

TEST(MetaParserTest, WaitsForTheRestOfAReply) {
  for (const char* stream :
       {"V", "VA 5\r", "VA 5\r\nhell", "VA 5\r\nhello", "VA 5\r\nhello\r", "EN"}) {
    auto replies = Parse(stream, 100);
    ASSERT_TRUE(replies.ok());
    EXPECT_TRUE(replies->empty()) << stream;
  }
}

}  // namespace
}  // namespace floe::cache
