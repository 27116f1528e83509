// SPDX-License-Identifier: Apache-2.0
#include "cli/ctr_arguments.h"

#include <gtest/gtest.h>

namespace floe::cli {
namespace {

using Arguments = std::vector<std::string>;

std::optional<Arguments> Translated(const Arguments& arguments) {
  return FloeArgumentsOfCtr(arguments).value();
}

TEST(CtrArgumentsTest, ConvertBecomesFloeConvert) {
  EXPECT_EQ(Translated({"images", "convert", "a:1", "b:1"}), (Arguments{"convert", "a:1", "b:1"}));
  EXPECT_EQ(Translated({"i", "convert", "--platform", "linux/arm64", "a", "b"}),
            (Arguments{"convert", "--platform", "linux/arm64", "a", "b"}));
  EXPECT_EQ(Translated({"image", "convert", "-all-platforms", "--oci", "a", "b"}),
            (Arguments{"convert", "--all-platforms", "a", "b"}));
}

TEST(CtrArgumentsTest, GlobalFlagsInEveryForm) {
  const Arguments expected = {"convert",     "--address", "/run/c.sock",
                              "--namespace", "k8s.io",    "--log-level",
                              "debug",       "a",         "b"};
  EXPECT_EQ(
      Translated({"-a", "/run/c.sock", "-n", "k8s.io", "--debug", "images", "convert", "a", "b"}),
      expected);
  EXPECT_EQ(Translated({"--address=/run/c.sock", "-namespace=k8s.io", "--timeout", "5s", "--debug",
                        "--connect-timeout=1s", "images", "convert", "a", "b"}),
            expected);
}

TEST(CtrArgumentsTest, AnythingElseIsCtrs) {
  for (const Arguments& arguments : std::vector<Arguments>{{},
                                                           {"--help"},
                                                           {"--version"},
                                                           {"images", "ls"},
                                                           {"images"},
                                                           {"run", "images", "convert"},
                                                           {"-n", "x", "images", "pull", "a"},
                                                           {"--address"},
                                                           {"--unknown", "images", "convert"}}) {
    EXPECT_EQ(Translated(arguments), std::nullopt);
  }
}

TEST(CtrArgumentsTest, OtherConversionsAreRefused) {
  const absl::Status status =
      FloeArgumentsOfCtr({"images", "convert", "--uncompress", "a", "b"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("--uncompress"), std::string::npos);
}

}  // namespace
}  // namespace floe::cli
