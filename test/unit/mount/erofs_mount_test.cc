// SPDX-License-Identifier: Apache-2.0
#include "mount/erofs_mount.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "mount/child.h"
#include "mount/syscalls.h"
#include "test/unit/mount/tiny_server.h"

namespace floe::mount {
namespace {

using std::chrono::milliseconds;
using testing::In;

class ErofsMountTest : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    point_ = temp_.path() + "/m";
    ASSERT_EQ(mkdir(point_.c_str(), 0700), 0);
    server_.AddProbeImage(name_, 2);
  }
  void TearDown() override {
    EXPECT_EQ(testing::MountsBelow(temp_.path()), "");
    EXPECT_TRUE(testing::LoopDevicesOver(name_).empty());
  }

  testing::TinyServer server_;
  TempDir temp_ = TempDir::Create().value();
  std::string point_;
  // Unlike that of the same test run by somebody else.
  const std::string name_ = absl::StrCat("a1", absl::Hex(getpid()));
};

TEST_P(ErofsMountTest, ShowsTheImageUntilItIsUnmounted) {
  auto made = MountErofs(server_.mount(), name_, GetParam(), In(milliseconds(20000)));
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_TRUE(MoveMount(made->mount.get(), point_).ok());
  made->mount.Reset();
  EXPECT_TRUE(CheckErofs(point_).ok());
  const auto data = ReadWholeFile(point_ + "/probe", 1 << 20);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(*data, Bytes(kProbeDataBytes, kProbeByte));
  const std::string line = testing::MountsBelow(point_);
  EXPECT_NE(line.find("ro,nosuid,nodev,noexec"), std::string::npos) << line;
  EXPECT_EQ(major(*DeviceOf(point_)), GetParam() == Backend::kFile ? 0U : 7U);
  EXPECT_EQ(testing::LoopDevicesOver(name_).size(), GetParam() == Backend::kFile ? 0U : 1U);
  ASSERT_TRUE(UnmountErofs(point_, In(milliseconds(20000))).ok());
  EXPECT_EQ(CheckErofs(point_).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_P(ErofsMountTest, NotAttachedLeavesNothing) {
  const auto made = MountErofs(server_.mount(), name_, GetParam(), In(milliseconds(20000)));
  ASSERT_TRUE(made.ok()) << made.status();
}

TEST_P(ErofsMountTest, ReadaheadIsSet) {
  const auto made = MountErofs(server_.mount(), name_, GetParam(), In(milliseconds(20000)));
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_NE(made->bdi, "");
  ASSERT_TRUE(SetReadahead(made->bdi, 64).ok());
  EXPECT_EQ(GetReadahead(made->bdi).value(), 64U);
  ASSERT_TRUE(SetReadahead(made->bdi, 1024).ok());
  EXPECT_EQ(GetReadahead(made->bdi).value(), 1024U);
}

TEST_P(ErofsMountTest, UnknownImageIsNamed) {
  const auto made = MountErofs(server_.mount(), "bad", GetParam(), In(milliseconds(20000)));
  EXPECT_EQ(made.status().code(), absl::StatusCode::kNotFound) << made.status();
  EXPECT_NE(made.status().message().find("image bad"), std::string::npos) << made.status();
}

TEST_P(ErofsMountTest, WhatIsNoErofsIsRefused) {
  server_.files().Add("b2", {3, 1 << 20, [](uint64_t, MutableByteView out) {
                               std::fill(out.begin(), out.end(), uint8_t{0});
                               return static_cast<int>(out.size());
                             }});
  const auto made = MountErofs(server_.mount(), "b2", GetParam(), In(milliseconds(20000)));
  EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument) << made.status();
  EXPECT_NE(made.status().message().find("image b2"), std::string::npos) << made.status();
}

TEST_P(ErofsMountTest, DeadlineHoldsWhileTheDaemonSleeps) {
  server_.Hold(true);
  const auto made = MountErofs(server_.mount(), name_, GetParam(), In(milliseconds(300)));
  EXPECT_EQ(made.status().code(), absl::StatusCode::kDeadlineExceeded) << made.status();
  server_.Hold(false);
  while (ReapAbandonedChildren() > 0) std::this_thread::yield();
}

INSTANTIATE_TEST_SUITE_P(Backends, ErofsMountTest,
                         ::testing::Values(Backend::kFile, Backend::kLoop),
                         [](const auto& which) { return std::string(BackendName(which.param)); });

class UnmountTest : public ErofsMountTest {};

TEST_F(UnmountTest, NothingMountedIsFine) {
  EXPECT_TRUE(UnmountErofs(point_, In(milliseconds(5000))).ok());
  EXPECT_TRUE(UnmountErofs(point_ + "/missing", In(milliseconds(5000))).ok());
}

TEST_F(UnmountTest, BusyMountIsDetached) {
  const auto made = MountErofs(server_.mount(), name_, Backend::kFile, In(milliseconds(20000)));
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_TRUE(MoveMount(made->mount.get(), point_).ok());
  const auto open = OpenFile(point_ + "/probe", O_RDONLY);
  ASSERT_TRUE(open.ok());
  EXPECT_TRUE(UnmountErofs(point_, In(milliseconds(5000))).ok());
  EXPECT_EQ(testing::MountsBelow(point_), "");
  Bytes data(4096);
  EXPECT_TRUE(ReadFullAt(open->get(), data, 0).ok());  // its user reads on
}

TEST_F(UnmountTest, UnmountDoesNotWaitForAReadWithoutAnswer) {
  const auto made = MountErofs(server_.mount(), name_, Backend::kFile, In(milliseconds(20000)));
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_TRUE(MoveMount(made->mount.get(), point_).ok());
  server_.Hold(true);
  std::thread reader([&] { (void)ReadWholeFile(point_ + "/probe", 1 << 20); });
  server_.WaitForHeldRead();
  EXPECT_TRUE(UnmountErofs(point_, In(milliseconds(2000))).ok());
  EXPECT_EQ(testing::MountsBelow(point_), "");
  server_.Hold(false);
  reader.join();
}

TEST(ReadaheadTest, UnknownBdiIsRefused) {
  EXPECT_EQ(SetReadahead("", 1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SetReadahead("../../x", 1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SetReadahead("erofs-none", 1).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace floe::mount
