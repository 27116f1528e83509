// SPDX-License-Identifier: Apache-2.0
#include "base/config_toml.h"

#include <gtest/gtest.h>

namespace floe {
namespace {

TEST(ConfigTomlTest, WhatCanBeParsedHasNoFault) {
  for (const char* toml :
       {"", "a = 1", "# \xc3\xa7\na = \"x\" # \xc3\xa7",
        "\xef\xbb\xbf"
        "a = 1",
        "a = \"\\u00e7\"", "x = [\n  [1],\n [\"a\"],\n]\n[ a ]\r\n [[\"b\"]]\n['c'.d]",
        "# [+]\n[a.b]", "# l'\xc3\xa9t\xc3\xa9", "a = '''\n# \xc3\xa7\n'''", "[ ]"}) {
    EXPECT_FALSE(FaultBeforeParsing(toml).has_value()) << toml;
  }
}

// toml++ ends the program, or worse, on each of these.
TEST(ConfigTomlTest, FaultsAreNamedByTheirLine) {
  const std::pair<const char*, size_t> cases[] = {{"\xc3\xa7", 1},
                                                  {"a\xc3\xa7 = 1", 1},
                                                  {"a = 1\n\n\xc3\xa7", 3},
                                                  {"a = \"\xc3\xa7\"", 1},
                                                  {"# c\n\xc3\xa7 # c", 2},
                                                  {"a\xef\xbb\xbf", 1},
                                                  {"x = 0\"\xc3\xa7\"", 1},
                                                  {"x =1=a{\"\xc3\xa7", 1},
                                                  {"W'#'\xc3\xa7", 1},
                                                  {"a = '\"' \"#\"\xc3\xa7", 1},
                                                  {"a = \"\\\"#\"\xc3\xa7", 1},
                                                  {"a = '''\n#'''\xc3\xa7", 2}};
  for (const auto& [toml, line] : cases) {
    const std::optional<TomlFault> fault = FaultBeforeParsing(toml);
    ASSERT_TRUE(fault.has_value()) << toml;
    EXPECT_EQ(fault->line, line) << toml;
  }
}

}  // namespace
}  // namespace floe
