// SPDX-License-Identifier: Apache-2.0
#include "mount/idmap.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "mount/erofs_mount.h"
#include "mount/syscalls.h"
#include "test/unit/mount/tiny_server.h"

namespace floe::mount {
namespace {

using std::chrono::milliseconds;
using testing::In;

TEST(IdMappingTest, ParsesRangesAndPrintsThemAgain) {
  const auto mapping = ParseIdMapping("0:100000:65536", "0:1000:1,1:200000:65535");
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_EQ(mapping->uids, (std::vector<IdRange>{{0, 100000, 65536}}));
  EXPECT_EQ(mapping->gids, (std::vector<IdRange>{{0, 1000, 1}, {1, 200000, 65535}}));
  EXPECT_EQ(FormatIdMapping(*mapping), "0:100000:65536 0:1000:1,1:200000:65535");
}

TEST(IdMappingTest, RefusesWhatIsNone) {
  for (const std::string text :
       {"", "0", "0:1", "0:1:2:3", "a:1:1", "0:1:0", "-1:0:1", "0:4294967295:1", "4294967290:0:10",
        "0:0:1,", "0:0:4294967296", "0 :1:1:"}) {
    EXPECT_EQ(ParseIdMapping(text, "0:0:1").status().code(), absl::StatusCode::kInvalidArgument)
        << text;
    EXPECT_FALSE(ParseIdMapping("0:0:1", text).ok()) << text;
  }
  std::string many = "0:0:1";
  for (int i = 1; i <= 340; ++i) absl::StrAppend(&many, ",", i, ":", i, ":1");
  EXPECT_FALSE(ParseIdMapping(many, "0:0:1").ok());
}

TEST(IdMappingTest, RootIsFoundOrMissed) {
  EXPECT_EQ(MapRoot(*ParseIdMapping("5:1:1,0:100000:5", "0:7:1"))->uid, 100000U);
  EXPECT_EQ(MapRoot(*ParseIdMapping("0:1:1", "0:7:1"))->gid, 7U);
  EXPECT_FALSE(MapRoot(*ParseIdMapping("1:1:1", "0:7:1")).ok());
}

TEST(UserNamespaceTest, KernelsRefusalIsReported) {
  IdMapping overlapping{{{0, 1, 10}, {5, 100, 10}}, {{0, 1, 1}}};
  const auto made = MakeUserNamespace(overlapping, In(milliseconds(20000)));
  EXPECT_FALSE(made.ok());
  EXPECT_NE(made.status().message().find("uid_map"), std::string::npos) << made.status();
}

TEST(CloneIdmappedTest, OwnersAreMapped) {
  testing::TinyServer server;
  server.AddProbeImage("a1", 2);
  const TempDir temp = TempDir::Create().value();
  const std::string plain = temp.path() + "/plain";
  const std::string mapped = temp.path() + "/mapped";
  ASSERT_EQ(mkdir(plain.c_str(), 0700) + mkdir(mapped.c_str(), 0700), 0);
  const auto made = MountErofs(server.mount(), "a1", Backend::kFile, In(milliseconds(20000)));
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_TRUE(MoveMount(made->mount.get(), plain).ok());
  const auto clone = CloneIdmapped(plain, *ParseIdMapping("0:100000:65536", "0:200000:1,1:5:9"),
                                   In(milliseconds(20000)));
  ASSERT_TRUE(clone.ok()) << clone.status();
  ASSERT_TRUE(MoveMount(clone->get(), mapped).ok());
  struct stat found;
  ASSERT_EQ(stat((mapped + "/probe").c_str(), &found), 0);
  EXPECT_EQ(found.st_uid, 100000U);
  EXPECT_EQ(found.st_gid, 200000U);
  ASSERT_EQ(stat((plain + "/probe").c_str(), &found), 0);
  EXPECT_EQ(found.st_uid, 0U);
  // The clone outlives the mount it was made from.
  EXPECT_TRUE(UnmountErofs(plain, In(milliseconds(5000))).ok());
  EXPECT_EQ(ReadWholeFile(mapped + "/probe", 1 << 20)->size(), kProbeDataBytes);
  EXPECT_TRUE(UnmountErofs(mapped, In(milliseconds(5000))).ok());
}

}  // namespace
}  // namespace floe::mount
