// SPDX-License-Identifier: Apache-2.0
#include "mount/syscalls.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "mount/readahead.h"
#include "test/unit/mount/tiny_server.h"

namespace floe::mount {
namespace {

class SyscallsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& path : {a_, b_}) ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
  }
  void TearDown() override {
    for (const std::string& path : {a_, b_}) umount2(path.c_str(), MNT_DETACH);
    EXPECT_EQ(testing::MountsBelow(temp_.path()), "");
  }

  TempDir temp_ = TempDir::Create().value();
  const std::string a_ = temp_.path() + "/a";
  const std::string b_ = temp_.path() + "/b";
};

TEST_F(SyscallsTest, DetachedUntilMoved) {
  auto mount = MakeDetachedMount("tmpfs", {{"size", "1M"}, {"mode", "0750"}}, MOUNT_ATTR_NOEXEC);
  ASSERT_TRUE(mount.ok()) << mount.status();
  EXPECT_EQ(testing::MountsBelow(temp_.path()), "");
  EXPECT_FALSE(IsMountPoint(a_).value());
  ASSERT_TRUE(MoveMount(mount->get(), a_).ok());
  EXPECT_TRUE(IsMountPoint(a_).value());
  EXPECT_NE(testing::MountsBelow(a_).find("noexec"), std::string::npos);
  EXPECT_EQ(DeviceOf(mount->get()).value(), DeviceOf(a_).value());
  EXPECT_NE(DeviceOf(a_).value(), DeviceOf(b_).value());
  EXPECT_EQ(major(DeviceOf(a_).value()), 0U);
}

TEST_F(SyscallsTest, CloneShowsTheSameFiles) {
  auto mount = MakeDetachedMount("tmpfs", {}, 0);
  ASSERT_TRUE(mount.ok()) << mount.status();
  ASSERT_TRUE(MoveMount(mount->get(), a_).ok());
  std::ofstream(a_ + "/file") << "x";
  const auto clone = CloneMount(a_);
  ASSERT_TRUE(clone.ok()) << clone.status();
  ASSERT_TRUE(MoveMount(clone->get(), b_).ok());
  EXPECT_TRUE(std::filesystem::exists(b_ + "/file"));
  EXPECT_EQ(DeviceOf(a_).value(), DeviceOf(b_).value());
}

TEST_F(SyscallsTest, BadOptionIsExplainedByTheKernel) {
  const auto mount = MakeDetachedMount("tmpfs", {{"colour", "blue"}}, 0);
  EXPECT_EQ(mount.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(mount.status().message().find("colour"), std::string::npos) << mount.status();
  EXPECT_NE(mount.status().message().find("Unknown parameter"), std::string::npos)
      << mount.status();
}

TEST_F(SyscallsTest, UnknownFileSystemIsNamed) {
  const auto mount = MakeDetachedMount("floefs", {}, 0);
  EXPECT_NE(mount.status().message().find("floefs"), std::string::npos) << mount.status();
}

TEST_F(SyscallsTest, MissingTargetsAreNamed) {
  auto mount = MakeDetachedMount("tmpfs", {}, 0);
  ASSERT_TRUE(mount.ok());
  EXPECT_EQ(MoveMount(mount->get(), "/no/such/place").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(CloneMount("/no/such/place").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(DeviceOf("/no/such/place").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(IsMountPoint("/no/such/place").status().code(), absl::StatusCode::kNotFound);
}

// proc cannot be idmapped, on any kernel.
TEST_F(SyscallsTest, FileSystemThatCannotBeMappedSaysSo) {
  auto mount = MakeDetachedMount("proc", {}, 0);
  ASSERT_TRUE(mount.ok()) << mount.status();
  const UniqueFd userns = OpenFile("/proc/self/ns/user", O_RDONLY).value();
  EXPECT_FALSE(SetIdmap(mount->get(), userns.get()).ok());
}

TEST(BdiTest, NewNamesAreTheDifference) {
  EXPECT_EQ(NewBdis({"erofs-1", "erofs-3"}, {"erofs-1", "erofs-2", "erofs-4"}),
            (std::vector<std::string>{"erofs-2", "erofs-4"}));
  EXPECT_TRUE(NewBdis({"erofs-1"}, {"erofs-1"}).empty());
}

TEST(BdiTest, OnlyErofsIsListed) {
  const TempDir temp = TempDir::Create().value();
  for (const char* name : {"erofs-1", "7:0", "fuse-2", "erofs-12"}) {
    std::ofstream(temp.path() + "/" + name) << "";
  }
  EXPECT_EQ(ErofsBdis(temp.path()), (std::set<std::string>{"erofs-1", "erofs-12"}));
  EXPECT_TRUE(ErofsBdis("/no/such/directory").empty());
}

TEST(BdiTest, OneAtATimeAndTheImpatientGoWithout) {
  BdiGate gate;
  {
    const BdiGate::Pass first(gate);
    EXPECT_TRUE(first.alone());
    const BdiGate::Pass second(gate);  // after kPatience
    EXPECT_FALSE(second.alone());
  }
  EXPECT_TRUE(BdiGate::Pass(gate).alone());
}

}  // namespace
}  // namespace floe::mount
