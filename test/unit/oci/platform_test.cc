// SPDX-License-Identifier: Apache-2.0
#include "oci/platform.h"

#include <gtest/gtest.h>

namespace floe::oci {
namespace {

TEST(PlatformTest, ParsesAndNormalizes) {
  const std::pair<const char*, const char*> cases[] = {{"linux/amd64", "linux/amd64"},
                                                       {"Linux/x86_64", "linux/amd64"},
                                                       {"linux/aarch64", "linux/arm64"},
                                                       {"linux/arm64/v8", "linux/arm64"},
                                                       {"linux/arm", "linux/arm/v7"},
                                                       {"linux/armhf", "linux/arm/v7"},
                                                       {"linux/arm/6", "linux/arm/v6"},
                                                       {"linux/armel", "linux/arm/v6"},
                                                       {"linux/amd64/v1", "linux/amd64"},
                                                       {"linux/amd64/v3", "linux/amd64/v3"},
                                                       {"i386", "linux/386"},
                                                       {"windows/amd64", "windows/amd64"},
                                                       {"macos/arm64", "darwin/arm64"}};
  for (const auto& [text, expected] : cases) {
    const auto platform = ParsePlatform(text);
    ASSERT_TRUE(platform.ok()) << platform.status();
    EXPECT_EQ(platform->ToString(), expected) << text;
  }
  EXPECT_EQ(ParsePlatform("linux")->ToString(), HostPlatform().ToString());
}

TEST(PlatformTest, RefusesWhatIsNone) {
  for (const char* text : {"", "/", "linux/", "a/b/c/d", "linux/am d64", "linux/../x"}) {
    const auto platform = ParsePlatform(text);
    EXPECT_EQ(platform.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

int Distance(const char* wanted, const char* offered) {
  return PlatformDistance(*ParsePlatform(wanted), *ParsePlatform(offered));
}

TEST(PlatformTest, ArmHostsRunOlderVariantsAndPreferTheirOwn) {
  EXPECT_EQ(Distance("linux/arm/v7", "linux/arm/v7"), 0);
  EXPECT_EQ(Distance("linux/arm/v7", "linux/arm/v5"), 2);
  EXPECT_LT(Distance("linux/arm/v6", "linux/arm/v7"), 0);
}

TEST(PlatformTest, OthersMustFit) {
  EXPECT_EQ(Distance("linux/amd64", "linux/amd64"), 0);
  EXPECT_EQ(Distance("linux/amd64/v3", "linux/amd64"), 1);
  EXPECT_LT(Distance("linux/amd64", "linux/amd64/v3"), 0);
  EXPECT_LT(Distance("linux/amd64", "linux/arm64"), 0);
  EXPECT_LT(Distance("linux/amd64", "windows/amd64"), 0);
}

}  // namespace
}  // namespace floe::oci
