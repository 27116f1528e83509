// SPDX-License-Identifier: Apache-2.0
#include "base/config_toml.h"

#include <gtest/gtest.h>

namespace floe {
namespace {

TEST(ConfigTomlTest, TextsAndCommentsMayHoldAnything) {
  for (const char* toml : {"", "a = 1", "# ç\n", "a = \"ç\"", "a = 'ç'", "a = \"\\\"ç\"",
                           "a = '''\nç'ç''\n'''", "a = \"\"\"\nç\"\\\"\"\"ç\n\"\"\"", "\"ç\" = 1",
                           "\xef\xbb\xbf# first", "a = 1 # \"ç", "a = '\\' # ç", "a = \"ç"}) {
    EXPECT_FALSE(FaultBeforeParsing(toml).has_value()) << toml;
  }
}

TEST(ConfigTomlTest, ElsewhereTheLineIsNamed) {
  const std::pair<const char*, size_t> cases[] = {{"ç", 1},
                                                  {"aç = 1", 1},
                                                  {"a = 1\n\nç", 3},
                                                  {"a = \"x\ny\"\nç", 2},
                                                  {"a = '''\n\n'''\nç = 1", 4},
                                                  {"a = \"x\"ç", 1},
                                                  {"# c\nç", 2},
                                                  {"a\xef\xbb\xbf", 1},
                                                  {"a = \"\"ç", 1},
                                                  {"a = '''x'''''ç", 1},
                                                  {"a = \"unclosed\nç\n", 2}};
  for (const auto& [toml, line] : cases) {
    const std::optional<TomlFault> fault = FaultBeforeParsing(toml);
    ASSERT_TRUE(fault.has_value()) << toml;
    EXPECT_EQ(fault->line, line) << toml;
  }
}

// toml++ ends the program on these.
TEST(ConfigTomlTest, HeadersWithoutANameAndTextsInsideWordsAreFound) {
  const std::pair<const char*, size_t> cases[] = {{"[+]", 1},
                                                  {"a = 1\n [\x11\nb = 2", 2},
                                                  {"[[.a]]", 1},
                                                  {"[\n]", 1},
                                                  {"x = [1]\n[ [ =]", 2},
                                                  {"x = 0\"ç\"", 1},
                                                  {"x = \"a\" \"b\"", 1}};
  for (const auto& [toml, line] : cases) {
    const std::optional<TomlFault> fault = FaultBeforeParsing(toml);
    ASSERT_TRUE(fault.has_value()) << toml;
    EXPECT_EQ(fault->line, line) << toml;
  }
}

TEST(ConfigTomlTest, BracketsInsideValuesAreNoHeaders) {
  for (const char* toml :
       {"x = [\n  [{a = 1}],\n [+1],\n]\n[ a ]\n[[\"b\"]]", "x = \"\"\"\n[+\n\"\"\"",
        "# [+]\n[a.b]", "[", "[ ]", "\"a\" . 'b'=\t\"c\"", "x = [\n\"a\",\n'b']"}) {
    EXPECT_FALSE(FaultBeforeParsing(toml).has_value()) << toml;
  }
}

}  // namespace
}  // namespace floe
