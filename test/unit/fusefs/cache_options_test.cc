// SPDX-License-Identifier: Apache-2.0
#include "fusefs/cache_options.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

namespace floe::fusefs {
namespace {

absl::Status ReadCacheInto(SharedCacheSettings& settings, absl::string_view text) {
  FLOE_ASSIGN_OR_RETURN(const Config config, Config::Parse(text, "floe.toml"));
  return settings.Read(config);
}

TEST(SharedCacheSettingsTest, WithoutServersThereIsNone) {
  for (const char* text : {"", "[cache]\ncode = \"10+2\""}) {
    SharedCacheSettings settings;
    ASSERT_TRUE(ReadCacheInto(settings, text).ok()) << text;
    EXPECT_FALSE(settings.wanted());
  }
}

TEST(SharedCacheSettingsTest, TakesTheTable) {
  SharedCacheSettings settings;
  ASSERT_TRUE(ReadCacheInto(settings, R"(
[cache]
servers = ["10.0.0.1:11211", "[fd00::2]:11211", "unix:/run/cache.sock"]
refresh = "2s"
code = "10+2"
miss_decision = "20ms"
fill = "never"
)")
                  .ok());
  EXPECT_TRUE(settings.wanted());
  EXPECT_TRUE(settings.NeedsNoNames());
  EXPECT_FALSE(settings.fill);
  EXPECT_FALSE(settings.options.cache.lease.enabled) << "others would wait for a fill in vain";
  EXPECT_EQ(settings.options.cache.repair.max_pending_bytes, 0u);
  EXPECT_EQ(settings.options.list.servers.size(), 3u);
  EXPECT_EQ(settings.options.list.refresh, std::chrono::seconds(2));
  EXPECT_EQ(settings.options.cache.code, (cache::Code{10, 2}));
  EXPECT_EQ(settings.options.cache.miss_decision, std::chrono::milliseconds(20));
}

TEST(SharedCacheSettingsTest, NamesMustBeLookedUp) {
  for (const char* text : {"servers = [\"10.0.0.1:11211\", \"cache2:11211\"]",
                           "dns = \"cache.example:11211\"", "servers_file = \"/etc/servers\""}) {
    SharedCacheSettings settings;
    ASSERT_TRUE(ReadCacheInto(settings, absl::StrCat("[cache]\n", text)).ok()) << text;
    EXPECT_TRUE(settings.wanted()) << text;
    EXPECT_TRUE(settings.fill) << text;
    EXPECT_FALSE(settings.NeedsNoNames()) << text;
  }
}

TEST(SharedCacheSettingsTest, WhatIsWrongIsNamed) {
  for (const auto& [text, hint] :
       {std::pair("code = \"0+1\"", "code"), std::pair("code = \"many\"", "code"),
        std::pair("fill = \"always\"", "cache.fill \"always\": must be one of miss, never"),
        std::pair("miss_decision = \"0ms\"", "above zero"),
        std::pair("servers = [\"a:1\"]\ndns = \"b:1\"", "not several"),
        std::pair("no_such = 1", "no_such")}) {
    SharedCacheSettings settings;
    const absl::Status refused = ReadCacheInto(settings, absl::StrCat("[cache]\n", text));
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << text << ": " << refused;
    EXPECT_THAT(std::string(refused.message()), testing::HasSubstr(hint));
  }
}

}  // namespace
}  // namespace floe::fusefs
