// SPDX-License-Identifier: Apache-2.0
#include "converter/source/location.h"

#include <gtest/gtest.h>

#include "converter/source/open.h"

namespace floe::converter {
namespace {

TEST(LocationTest, ParsesEveryForm) {
  struct Case {
    const char* text;
    Transport transport;
    const char* path;
    const char* reference;
  };
  const Case cases[] = {
      {"docker://r.test/a:1", Transport::kRegistry, "", "r.test/a:1"},
      {"alpine", Transport::kRegistry, "", "alpine"},
      {"localhost:5000/a", Transport::kRegistry, "", "localhost:5000/a"},
      {"containerd://docker.io/library/a:1", Transport::kContainerd, "", "docker.io/library/a:1"},
      {"oci:dir", Transport::kOciLayout, "dir", ""},
      {"oci:/a/b:docker.io/x:1", Transport::kOciLayout, "/a/b", "docker.io/x:1"},
      {"oci-archive:f.tar:t", Transport::kOciArchive, "f.tar", "t"},
      {"docker-archive:f.tar", Transport::kDockerArchive, "f.tar", ""},
  };
  for (const Case& c : cases) {
    const auto location = ParseLocation(c.text);
    ASSERT_TRUE(location.ok()) << location.status();
    EXPECT_EQ(location->transport, c.transport) << c.text;
    EXPECT_EQ(location->path, c.path) << c.text;
    EXPECT_EQ(location->reference, c.reference) << c.text;
    const auto again = ParseLocation(location->ToString());
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->ToString(), location->ToString());
  }
}

TEST(LocationTest, NamesAreAsciiAndPathsAnything) {
  EXPECT_TRUE(ParseLocation("oci:/a/\xff:t").ok());
  for (const char* text :
       {"oci:/a:\xff", "oci-archive:/a:caf\xc3\xa9", "docker-archive:/a:a\x1b[1m"}) {
    const absl::Status refused = ParseLocation(text).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(refused.message().find("ASCII"), std::string::npos) << refused;
  }
}

TEST(LocationTest, RefusesWithTheFormsThereAre) {
  for (const char* text : {"", "docker://", "oci:", "oci::tag", "oci:dir:", "ftp://x", "dir:x",
                           "docker-daemon:alpine"}) {
    const auto location = ParseLocation(text);
    ASSERT_EQ(location.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(location.status().message().find("oci-archive:FILE"), std::string::npos);
  }
}

TEST(LocationTest, ContainerdWithoutGrpcSaysSo) {
  const auto location = ParseLocation("containerd://a");
  const auto source = OpenSource(*location, {});
  EXPECT_EQ(source.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(source.status().message().find("gRPC"), std::string::npos);
  EXPECT_FALSE(OpenDestination(*location, {}).ok());
}

}  // namespace
}  // namespace floe::converter
