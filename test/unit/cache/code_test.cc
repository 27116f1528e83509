// SPDX-License-Identifier: Apache-2.0
#include "cache/code.h"

#include "gtest/gtest.h"

namespace floe::cache {
namespace {

TEST(CodeTest, IsWrittenAsDataPlusParity) {
  EXPECT_EQ(*ParseCode("4+1"), (Code{4, 1}));
  EXPECT_EQ(*ParseCode("10+2"), (Code{10, 2}));
  EXPECT_EQ(*ParseCode("1+0"), (Code{1, 0}));
  EXPECT_EQ(*ParseCode("30+2"), (Code{30, 2}));
  EXPECT_EQ(CodeText({10, 2}), "10+2");
}

TEST(CodeTest, RefusesEverythingElse) {
  for (const char* text :
       {"", "4", "+", "4+", "+1", "0+1", "4+1+1", "-4+1", "4 +1", " 4+1", "4+1 ", "33+0", "31+2",
        "4-1", "a+b", "4294967296+4294967297", "18446744073709551615+2"}) {
    auto code = ParseCode(text);
    EXPECT_TRUE(absl::IsInvalidArgument(code.status())) << text;
  }
  EXPECT_NE(ParseCode("4").status().message().find("4+1"), std::string::npos) << "no remedy";
}

TEST(CodeTest, FewServersMakeASmallerCode) {
  EXPECT_EQ(CodeFor({4, 1}, 100), (Code{4, 1}));
  EXPECT_EQ(CodeFor({4, 1}, 5), (Code{4, 1}));
  EXPECT_EQ(CodeFor({4, 1}, 4), (Code{3, 1}));
  EXPECT_EQ(CodeFor({4, 1}, 2), (Code{1, 1}));
  EXPECT_EQ(CodeFor({4, 1}, 1), (Code{1, 0}));
  EXPECT_EQ(CodeFor({10, 2}, 6), (Code{4, 2}));
  EXPECT_EQ(CodeFor({10, 2}, 3), (Code{1, 2}));
  EXPECT_EQ(CodeFor({10, 2}, 2), (Code{1, 1}));
  EXPECT_EQ(CodeFor({1, 0}, 3), (Code{1, 0}));
  for (size_t servers = 1; servers < 20; ++servers) {
    EXPECT_LE(CodeFor({10, 2}, servers).shards(), servers);
    EXPECT_GE(CodeFor({10, 2}, servers).k, 1u);
  }
}

}  // namespace
}  // namespace floe::cache
