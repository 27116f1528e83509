// SPDX-License-Identifier: Apache-2.0
#include "mount/image_mounter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <latch>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "mount/mount_record.h"
#include "mount/syscalls.h"
#include "test/unit/mount/daemon_fixture.h"

namespace floe::mount {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::In;
using testing::MountsBelow;

class MounterTest : public testing::DaemonTest {
 protected:
  void SetUp() override {
    Start();
    Open();
  }
  void TearDown() override {
    if (mounter_) {
      const std::vector<MountInfo> mounts = mounter_->List();
      EXPECT_TRUE(mounter_->UnmountAll(In(seconds(20))).ok());
      for (const MountInfo& mount : mounts) {
        EXPECT_TRUE(testing::LoopDevicesOver(mount.name).empty());
      }
      EXPECT_TRUE(mounter_->List().empty());
      EXPECT_TRUE(std::filesystem::is_empty(temp_.path() + "/root/mounts"));
    }
    mounter_.reset();
    DaemonTest::TearDown();
  }
  MounterOptions Options() {
    MounterOptions options;
    options.root = temp_.path() + "/root";
    options.backend = Backend::kFile;
    options.refresh_interval = milliseconds(0);
    return options;
  }
  void Open() { Open(Options()); }
  void Open(const MounterOptions& options) {
    mounter_.reset();
    auto opened = ImageMounter::Create(options, *daemons_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    mounter_ = *std::move(opened);
  }
  // As after the end of this process: the mounts stay.
  void Restart() {
    mounter_.reset();
    Start();
    Open();
  }
  MountRequest Request(const std::string& key, const std::string& holder,
                       const std::string& manifest = "probe") {
    return {WriteManifest(manifest), key, "image " + key, holder, In(seconds(20))};
  }
  static bool ShowsProbe(const std::string& path) {
    const auto data = ReadWholeFile(path + "/probe", 1 << 20);
    return data.ok() && *data == Bytes(kProbeDataBytes, kProbeByte);
  }
  size_t Served() { return daemons_->fusefs().ListImages(In(seconds(5)))->size(); }
  std::string Opens() { return daemons_->fusefs().Metrics(In(seconds(5))).value(); }

  std::unique_ptr<ImageMounter> mounter_;
};

TEST_F(MounterTest, SharedUntilTheLastHolderGoes) {
  const auto first = mounter_->Mount(Request("m1", "a"));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*first, temp_.path() + "/root/mounts/1");
  EXPECT_TRUE(ShowsProbe(*first));
  EXPECT_EQ(mounter_->Mount(Request("m1", "b")).value(), *first);
  EXPECT_EQ(mounter_->Mount(Request("m1", "b")).value(), *first);
  EXPECT_NE(mounter_->Mount(Request("m2", "b")).value(), *first);
  EXPECT_EQ(Opens(), "opens 2");
  ASSERT_EQ(mounter_->List().size(), 2U);
  EXPECT_EQ(mounter_->List()[0].holders, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(mounter_->Release("m1", "a", In(seconds(5))).ok());
  EXPECT_TRUE(mounter_->CheckAlive("m1").ok());
  EXPECT_TRUE(mounter_->Release("m1", "b", In(seconds(5))).ok());
  EXPECT_EQ(mounter_->CheckAlive("m1").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Served(), 1U);
  EXPECT_FALSE(std::filesystem::exists(*first));
  EXPECT_TRUE(mounter_->Release("m1", "b", In(seconds(5))).ok());
  EXPECT_TRUE(mounter_->Release("unknown", "b", In(seconds(5))).ok());
}

TEST_F(MounterTest, OnlyWhatIsNewAndNotMountedYetIsRefused) {
  MountRequest fresh = Request("m1", "new", "overloaded");
  fresh.may_refuse = MayRefuse::kYes;
  const absl::Status refused = mounter_->Mount(fresh).status();
  EXPECT_EQ(refused, absl::UnavailableError("the origin cannot keep up"));
  EXPECT_TRUE(mounter_->List().empty());
  const auto must = mounter_->Mount(Request("m1", "old", "overloaded"));
  ASSERT_TRUE(must.ok()) << must.status();
  EXPECT_EQ(mounter_->Mount(fresh).value(), *must);  // mounted already
}

// A refusal is nothing to share with those who may not be refused.
TEST_F(MounterTest, WhoMayNotBeRefusedIsNotRefusedWithOthers) {
  constexpr size_t kThreads = 20;
  std::latch go(kThreads);
  std::vector<std::thread> threads;
  std::atomic<int> mounted = 0;
  const MountRequest request = Request("m1", "", "overloaded");
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      MountRequest mine = request;
      mine.holder = absl::StrCat("holder ", i);
      mine.may_refuse = i % 2 == 0 ? MayRefuse::kYes : MayRefuse::kNo;
      go.arrive_and_wait();
      const auto path = mounter_->Mount(mine);
      if (i % 2 == 0) return;
      EXPECT_TRUE(path.ok()) << path.status();
      mounted += path.ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(mounted, kThreads / 2);
}

TEST_F(MounterTest, HundredAtOnceMakeOneMount) {
  constexpr int kThreads = 100;
  std::latch go(kThreads);
  std::vector<std::thread> threads;
  std::vector<absl::StatusOr<std::string>> paths(kThreads, absl::UnknownError(""));
  const MountRequest request = Request("m1", "");
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      MountRequest mine = request;
      mine.holder = absl::StrCat("holder ", i);
      go.arrive_and_wait();
      paths[i] = mounter_->Mount(mine);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& path : paths) EXPECT_EQ(path.value(), *paths[0]);
  EXPECT_EQ(Opens(), "opens 1");
  ASSERT_EQ(mounter_->List().size(), 1U);
  EXPECT_EQ(mounter_->List()[0].holders.size(), static_cast<size_t>(kThreads));
}

TEST_F(MounterTest, HoldersComeAndGoAtOnce) {
  std::vector<std::thread> threads;
  const MountRequest request = Request("m1", "");
  std::atomic<int> wrong{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      MountRequest mine = request;
      mine.holder = absl::StrCat(i);
      for (int round = 0; round < 25; ++round) {
        const auto path = mounter_->Mount(mine);
        if (!path.ok() || !ShowsProbe(*path)) ++wrong;
        if (!mounter_->Release("m1", mine.holder, In(seconds(20))).ok()) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(mounter_->List().empty());
  EXPECT_EQ(Served(), 0U);
}

TEST_F(MounterTest, BadManifestIsExplainedByFusefsAndLeavesNothing) {
  const auto path = mounter_->Mount(Request("m1", "a", "bad manifest m1: signed by a stranger"));
  EXPECT_EQ(path.status(), absl::FailedPreconditionError("manifest m1: signed by a stranger"));
  EXPECT_TRUE(mounter_->List().empty());
  EXPECT_EQ(Served(), 0U);
  EXPECT_TRUE(std::filesystem::is_empty(temp_.path() + "/root/mounts"));
}

TEST_F(MounterTest, WaitersShareAFailure) {
  constexpr int kThreads = 20;
  std::vector<std::thread> threads;
  const MountRequest request = Request("m1", "", "bad it is");
  std::atomic<int> refused{0};
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      MountRequest mine = request;
      mine.holder = absl::StrCat(i);
      if (absl::IsFailedPrecondition(mounter_->Mount(mine).status())) ++refused;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, kThreads);
  EXPECT_TRUE(mounter_->List().empty());
}

TEST_F(MounterTest, WhatIsNoImageIsRefusedWithRemedy) {
  const auto path = mounter_->Mount(Request("m1", "a", "zeros"));
  EXPECT_EQ(path.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(path.status().message().find("convert the image again"), std::string::npos)
      << path.status();
  EXPECT_EQ(Served(), 0U);
}

TEST_F(MounterTest, RequestsAreChecked) {
  MountRequest request = Request("", "a");
  EXPECT_EQ(mounter_->Mount(request).status().code(), absl::StatusCode::kInvalidArgument);
  request = Request("../m1", "a");
  EXPECT_EQ(mounter_->Mount(request).status().code(), absl::StatusCode::kInvalidArgument);
  request = Request("m1", "");
  EXPECT_EQ(mounter_->Mount(request).status().code(), absl::StatusCode::kInvalidArgument);
  request = Request("m1", "a");
  request.manifest_path = "/no/such/manifest";
  EXPECT_EQ(mounter_->Mount(request).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(MounterTest, BlockedImageDelaysNoOther) {
  MountRequest blocked = Request("m1", "a", "block");
  blocked.deadline = In(milliseconds(500));
  absl::Status status;
  std::thread waiting([&] { status = mounter_->Mount(blocked).status(); });
  EXPECT_TRUE(mounter_->Mount(Request("m2", "a")).ok());
  waiting.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  EXPECT_EQ(mounter_->List().size(), 1U);
}

TEST_F(MounterTest, ManifestThatEndsFusefsIsGivenUp) {
  const pid_t pid = daemons_->fusefs_state().pid;
  const auto path = mounter_->Mount(Request("m1", "a", "crash"));
  EXPECT_EQ(path.status().code(), absl::StatusCode::kUnavailable) << path.status();
  NextFusefs(pid);
  EXPECT_TRUE(mounter_->Mount(Request("m2", "a")).ok());
}

TEST_F(MounterTest, CloneHasItsOwners) {
  const IdMapping mapping = ParseIdMapping("0:100000:65536", "0:200000:65536").value();
  const auto clone = mounter_->MountIdmapped(Request("m1", "a"), mapping);
  ASSERT_TRUE(clone.ok()) << clone.status();
  EXPECT_EQ(mounter_->MountIdmapped(Request("m1", "b"), mapping).value(), *clone);
  struct stat found;
  ASSERT_EQ(stat((*clone + "/probe").c_str(), &found), 0);
  EXPECT_EQ(found.st_uid, 100000U);
  EXPECT_EQ(found.st_gid, 200000U);
  EXPECT_EQ(mounter_->List().size(), 2U);
  EXPECT_TRUE(mounter_->Release("m1", "a", In(seconds(5))).ok());
  EXPECT_TRUE(ShowsProbe(*clone));
  EXPECT_TRUE(mounter_->Release("m1", "b", In(seconds(5))).ok());
  EXPECT_TRUE(mounter_->List().empty());
  EXPECT_EQ(Served(), 0U);
}

TEST_F(MounterTest, FailedCloneHoldsNothing) {
  const IdMapping overlapping{{{0, 1, 10}, {5, 100, 10}}, {{0, 1, 1}}};
  EXPECT_FALSE(mounter_->MountIdmapped(Request("m1", "a"), overlapping).ok());
  EXPECT_TRUE(mounter_->List().empty());
}

TEST_F(MounterTest, RestartTakesMountsOver) {
  const std::string kept = mounter_->Mount(Request("m1", "a")).value();
  const IdMapping mapping = ParseIdMapping("0:100000:65536", "0:100000:65536").value();
  const std::string clone = mounter_->MountIdmapped(Request("m1", "a"), mapping).value();
  const std::string dropped = mounter_->Mount(Request("m2", "a")).value();
  Restart();
  EXPECT_TRUE(mounter_->CheckAlive("m1").ok());
  EXPECT_EQ(mounter_->Mount(Request("m1", "a")).value(), kept);
  EXPECT_EQ(mounter_->MountIdmapped(Request("m1", "a"), mapping).value(), clone);
  EXPECT_EQ(Opens(), "opens 2");
  EXPECT_TRUE(mounter_->DropUnheld(In(seconds(20))).ok());
  EXPECT_EQ(MountsBelow(dropped), "");
  EXPECT_EQ(mounter_->List().size(), 2U);
  EXPECT_EQ(Served(), 1U);
  EXPECT_NE(mounter_->Mount(Request("m2", "a")).value(), kept);
}

TEST_F(MounterTest, DeadMountIsMadeAnew) {
  const std::string dead = mounter_->Mount(Request("m1", "a")).value();
  ASSERT_EQ(umount(dead.c_str()), 0);
  EXPECT_EQ(mounter_->CheckAlive("m1").code(), absl::StatusCode::kFailedPrecondition);
  const std::string alive = mounter_->Mount(Request("m1", "b")).value();
  EXPECT_TRUE(ShowsProbe(alive));
  EXPECT_TRUE(mounter_->CheckAlive("m1").ok());
  EXPECT_EQ(Served(), 1U);
  EXPECT_EQ(mounter_->List()[0].holders.size(), 2U);
}

// What a reboot leaves: directories, records, no mounts, no daemons.
TEST_F(MounterTest, RebootIsCleanedUp) {
  const std::string old = mounter_->Mount(Request("m1", "a")).value();
  mounter_.reset();
  ASSERT_EQ(umount(old.c_str()), 0);
  ASSERT_TRUE(daemons_->Shutdown(In(seconds(20))).ok());
  SetUp();
  EXPECT_TRUE(mounter_->List().empty());
  EXPECT_TRUE(std::filesystem::is_empty(temp_.path() + "/root/mounts"));
  EXPECT_TRUE(ShowsProbe(mounter_->Mount(Request("m1", "a")).value()));
}

// As after the death of keeper, fusefs and this process at once.
TEST_F(MounterTest, MountsOfALostConnectionAreCleanedUp) {
  const std::string old = mounter_->Mount(Request("m1", "a")).value();
  mounter_.reset();
  ASSERT_TRUE(daemons_->Shutdown(In(seconds(20))).ok());
  EXPECT_NE(MountsBelow(old), "");
  SetUp();
  EXPECT_EQ(MountsBelow(old), "");
  EXPECT_TRUE(ShowsProbe(mounter_->Mount(Request("m1", "a")).value()));
}

TEST_F(MounterTest, StraysAreCleanedUp) {
  const std::string path = mounter_->Mount(Request("m1", "a")).value();
  std::ofstream(path + ".record") << "garbage";
  std::ofstream(temp_.path() + "/root/mounts/.tmp-x") << "half a record";
  const std::string manifest = WriteManifest("probe");
  const UniqueFd file = OpenFile(manifest, O_RDONLY).value();
  ASSERT_TRUE(daemons_->fusefs().OpenImage("dead", file.get(), "", In(seconds(5))).ok());
  Restart();
  EXPECT_TRUE(mounter_->List().empty());
  EXPECT_EQ(Served(), 0U);
  EXPECT_TRUE(std::filesystem::is_empty(temp_.path() + "/root/mounts"));
}

TEST_F(MounterTest, ReaderOutlivesFusefs) {
  const std::string path = mounter_->Mount(Request("m1", "a")).value();
  pid_t pid = daemons_->fusefs_state().pid;
  for (int round = 0; round < 3; ++round) {
    kill(pid, SIGKILL);
    std::ofstream("/proc/sys/vm/drop_caches") << "1";
    EXPECT_TRUE(ShowsProbe(path));
    pid = NextFusefs(pid);
  }
  EXPECT_EQ(mounter_->Mount(Request("m1", "b")).value(), path);
}

TEST_F(MounterTest, ReaderOutlivesKeeperAndThenFusefs) {
  const std::string path = mounter_->Mount(Request("m1", "a")).value();
  const pid_t keeper = daemons_->keeper_state().pid;
  kill(keeper, SIGKILL);
  NextKeeper(keeper);
  EXPECT_TRUE(mounter_->Mount(Request("m2", "a")).ok());
  const pid_t fusefs = daemons_->fusefs_state().pid;
  kill(fusefs, SIGKILL);
  std::ofstream("/proc/sys/vm/drop_caches") << "1";
  EXPECT_TRUE(ShowsProbe(path));
  NextFusefs(fusefs);
  EXPECT_EQ(mounter_->Mount(Request("m1", "b")).value(), path);
}

TEST_F(MounterTest, AbortedConnectionIsLeftBehind) {
  const std::string dead = mounter_->Mount(Request("m1", "a")).value();
  const pid_t pid = daemons_->fusefs_state().pid;
  const uint32_t number = FuseConnectionNumber(daemons_->fuse()->mount.get()).value();
  ASSERT_TRUE(AbortFuseConnection(number).ok());
  NextFusefs(pid);
  EXPECT_FALSE(mounter_->CheckAlive("m1").ok());
  const std::string alive = mounter_->Mount(Request("m1", "a")).value();
  EXPECT_NE(alive, dead);
  EXPECT_TRUE(ShowsProbe(alive));
  EXPECT_EQ(MountsBelow(dead + " "), "");
}

TEST_F(MounterTest, FileBackEndUsesNoLoopDevice) {
  const auto path = mounter_->Mount(Request("m1", "a"));
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_TRUE(testing::LoopDevicesOver(mounter_->List()[0].name).empty());
  EXPECT_EQ(major(DeviceOf(*path).value()), 0U);
}

TEST_F(MounterTest, LoopBackEndWhenForced) {
  MounterOptions options = Options();
  options.backend = Backend::kLoop;
  Open(options);
  const auto path = mounter_->Mount(Request("m1", "a"));
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_TRUE(ShowsProbe(*path));
  const MountInfo mount = mounter_->List()[0];
  EXPECT_EQ(testing::LoopDevicesOver(mount.name).size(), 1U);
  EXPECT_EQ(mount.backend, Backend::kLoop);
  EXPECT_TRUE(mounter_->Release("m1", "a", In(seconds(5))).ok());
  EXPECT_TRUE(testing::LoopDevicesOver(mount.name).empty());
}

TEST_F(MounterTest, ReadaheadGrowsOnceTheImageIsLocal) {
  const std::string directory = temp_.path() + "/root/mounts";
  ASSERT_TRUE(mounter_->Mount(Request("m1", "a", "probe")).ok());
  ASSERT_TRUE(mounter_->Mount(Request("m2", "a", "local")).ok());
  std::vector<std::string> bdis;
  const FoundMounts found = ScanMounts(directory).value();
  for (const MountRecord& record : found.records) bdis.push_back(record.bdi);
  ASSERT_EQ(bdis.size(), 2U);
  EXPECT_EQ(GetReadahead(bdis[0]).value(), 32U);
  EXPECT_EQ(GetReadahead(bdis[1]).value(), 32U);
  ASSERT_TRUE(mounter_->RefreshReadahead().ok());
  EXPECT_EQ(GetReadahead(bdis[0]).value(), 32U);
  EXPECT_EQ(GetReadahead(bdis[1]).value(), 1024U);
}

TEST_F(MounterTest, ProbeChoosesWhenNothingIsForced) {
  MounterOptions options = Options();
  options.backend.reset();
  options.refresh_interval = milliseconds(1);
  Open(options);
  const auto path = mounter_->Mount(Request("m1", "a"));
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(mounter_->List()[0].backend, mounter_->backend());
}

TEST_F(MounterTest, RootIsPrivate) {
  struct stat found;
  ASSERT_EQ(stat((temp_.path() + "/root/mounts").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700U);
}

}  // namespace
}  // namespace floe::mount
