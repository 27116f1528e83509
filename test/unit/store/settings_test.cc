// SPDX-License-Identifier: Apache-2.0
#include "store/settings.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace floe::store {
namespace {

Config Parsed(const std::string& text) {
  auto config = Config::Parse(text, "test.toml");
  EXPECT_TRUE(config.ok()) << config.status();
  return *std::move(config);
}

TEST(StoreSettingsTest, WhatIsNotThereStaysAsItWas) {
  for (const char* text : {"", "[store]\n", "[store]\naddress = \"\"\nid = \"\"\n"}) {
    StoreSettings settings;
    ASSERT_TRUE(settings.Read(Parsed(text)).ok());
    EXPECT_EQ(settings.address, kDefaultStoreAddress);
    EXPECT_TRUE(settings.is_default);
    EXPECT_FALSE(settings.id.has_value());
  }
}

TEST(StoreSettingsTest, TakesAddressAndId) {
  StoreSettings settings;
  ASSERT_TRUE(settings
                  .Read(Parsed("[store]\naddress = \"folder:/srv/x\"\n"
                               "id = \"000102030405060708090a0b0c0d0e0f\"\n"))
                  .ok());
  EXPECT_EQ(settings.address, "folder:/srv/x");
  EXPECT_FALSE(settings.is_default);
  ASSERT_TRUE(settings.id.has_value());
  EXPECT_EQ(ToHex(*settings.id), "000102030405060708090a0b0c0d0e0f");
}

TEST(StoreSettingsTest, ABadIdNamesTheSettingAndWhereToFindTheRightOne) {
  for (const char* id : {"00", "zz0102030405060708090a0b0c0d0e0f", "not hex"}) {
    StoreSettings settings;
    const absl::Status status =
        settings.Read(Parsed(std::string("[store]\nid = \"") + id + "\"\n"));
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << id;
    EXPECT_TRUE(absl::StrContains(status.message(), "store.id")) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "floe store stat")) << status;
    EXPECT_FALSE(settings.id.has_value());
  }
}

TEST(StoreSettingsTest, WhatNobodyKnowsIsRefused) {
  StoreSettings store;
  EXPECT_TRUE(absl::IsInvalidArgument(store.Read(Parsed("[store]\nadress = \"x\"\n"))));
  KeySettings keys;
  EXPECT_TRUE(absl::IsInvalidArgument(keys.Read(Parsed("[keys]\nallow_unsigned = 1\n"))));
}

TEST(KeySettingsTest, TakesBoth) {
  KeySettings settings;
  ASSERT_TRUE(settings.Read(Parsed("[keys]\ndirectory = \"/k\"\nallow_unsigned = true\n")).ok());
  EXPECT_EQ(settings.directory, "/k");
  EXPECT_TRUE(settings.allow_unsigned);
}

}  // namespace
}  // namespace floe::store
