// SPDX-License-Identifier: Apache-2.0
#include "mount/daemon_supervisor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "base/process.h"
#include "keeper/client.h"
#include "mount/backoff.h"
#include "mount/daemon.h"
#include "mount/fuse_slots.h"
#include "test/unit/mount/daemon_fixture.h"

namespace floe::mount {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeDaemons;
using testing::In;
using testing::Runs;

class SupervisorTest : public testing::DaemonTest {
 protected:
  // Lets floe-fusefs serve an image, which the keeper then has a slot for.
  void OpenImage() {
    const auto manifest = OpenFile(WriteManifest("image"), O_RDONLY);
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    const auto opened = daemons_->fusefs().OpenImage("0a", manifest->get(), "", In(seconds(20)));
    ASSERT_TRUE(opened.ok()) << opened.status();
  }
  std::unique_ptr<keeper::KeeperClient> Keeper() const {
    return keeper::KeeperClient::Connect(temp_.path() + "/run/keeper.sock").value();
  }
  // False when it has none in time.
  bool KeeperGetsTheImage() const {
    const SteadyTime deadline = In(seconds(20));
    while (Clock::Real().Now() < deadline) {
      if (Keeper()->Get("image.0a").ok()) return true;
      std::this_thread::yield();
    }
    return false;
  }
};

TEST_F(SupervisorTest, StartsBothAndShutdownEndsBoth) {
  Start();
  const pid_t keeper = daemons_->keeper_state().pid;
  const pid_t fusefs = daemons_->fusefs_state().pid;
  EXPECT_TRUE(Runs(keeper) && Runs(fusefs));
  EXPECT_FALSE(daemons_->fusefs_state().adopted);
  EXPECT_EQ(daemons_->fusefs().Ping(In(seconds(5)))->pid, static_cast<uint32_t>(fusefs));
  struct stat directory;
  ASSERT_EQ(stat((temp_.path() + "/run").c_str(), &directory), 0);
  EXPECT_EQ(directory.st_mode & 0777, 0711U);
  const uint32_t number = FuseConnectionNumber(daemons_->fuse()->mount.get()).value();
  EXPECT_TRUE(daemons_->Shutdown(In(seconds(20))).ok());
  EXPECT_FALSE(Runs(keeper) || Runs(fusefs));
  EXPECT_EQ(daemons_->fuse(), nullptr);
  const auto connections = ListFuseConnections();
  ASSERT_TRUE(connections.ok()) << connections.status();
  for (const FuseConnection& connection : *connections) {
    EXPECT_NE(connection.number, number);
  }
  daemons_.reset();
}

TEST_F(SupervisorTest, TheNextOneAdopts) {
  Start();
  const pid_t keeper = daemons_->keeper_state().pid;
  const pid_t fusefs = daemons_->fusefs_state().pid;
  const std::string id = daemons_->fuse()->id;
  Start();
  EXPECT_EQ(daemons_->keeper_state().pid, keeper);
  EXPECT_EQ(daemons_->fusefs_state().pid, fusefs);
  EXPECT_TRUE(daemons_->keeper_state().adopted && daemons_->fusefs_state().adopted);
  EXPECT_EQ(daemons_->fuse()->id, id);
}

TEST_F(SupervisorTest, KilledSupervisorLeavesDaemonsToTheNext) {
  SpawnOptions options;
  options.arguments = {std::filesystem::read_symlink("/proc/self/exe").string(), "--supervise",
                       temp_.path()};
  const UniqueFd watch(inotify_init1(IN_CLOEXEC));
  ASSERT_GE(inotify_add_watch(watch.get(), temp_.path().c_str(), IN_CLOSE_WRITE), 0);
  auto process = Process::Spawn(options);
  ASSERT_TRUE(process.ok()) << process.status();
  char events[4096];
  while (!std::filesystem::exists(temp_.path() + "/ready")) {
    ASSERT_GT(read(watch.get(), events, sizeof events), 0);
  }
  ASSERT_TRUE(process->Signal(SIGKILL).ok());
  ASSERT_TRUE(process->Wait().ok());
  Start();
  EXPECT_TRUE(daemons_->keeper_state().adopted);
  EXPECT_TRUE(daemons_->fusefs_state().adopted);
}

TEST_F(SupervisorTest, FusefsIsStartedAgain) {
  Start();
  const std::string id = daemons_->fuse()->id;
  pid_t pid = daemons_->fusefs_state().pid;
  for (uint32_t round = 1; round <= 3; ++round) {
    kill(pid, SIGKILL);
    pid = NextFusefs(pid);
    EXPECT_EQ(daemons_->fusefs_state().restarts, round);
  }
  EXPECT_EQ(daemons_->fuse()->id, id);
}

TEST_F(SupervisorTest, AdoptedFusefsIsStartedAgainToo) {
  Start();
  Start();
  const pid_t pid = daemons_->fusefs_state().pid;
  kill(pid, SIGKILL);
  EXPECT_NE(NextFusefs(pid), pid);
  EXPECT_FALSE(daemons_->fusefs_state().adopted);
}

TEST_F(SupervisorTest, HungFusefsIsReplaced) {
  SupervisorOptions options = FakeDaemons(temp_.path());
  options.ping_interval = milliseconds(5);
  options.ping_patience = milliseconds(300);
  auto daemons = DaemonSupervisor::Start(options);
  ASSERT_TRUE(daemons.ok()) << daemons.status();
  daemons_ = *std::move(daemons);
  const std::string id = daemons_->fuse()->id;
  const pid_t pid = daemons_->fusefs_state().pid;
  kill(pid, SIGSTOP);
  EXPECT_NE(NextFusefs(pid), pid);
  EXPECT_FALSE(Runs(pid));
  EXPECT_EQ(daemons_->fuse()->id, id);
  EXPECT_GE(daemons_->fusefs_state().restarts, 1U);
}

TEST_F(SupervisorTest, HungFusefsIsNotAdopted) {
  Start();
  const pid_t pid = daemons_->fusefs_state().pid;
  kill(pid, SIGSTOP);
  Start();
  EXPECT_FALSE(Runs(pid));
  EXPECT_FALSE(daemons_->fusefs_state().adopted);
}

TEST_F(SupervisorTest, KeeperIsStartedAgainWithTheConnection) {
  Start();
  const std::string id = daemons_->fuse()->id;
  const pid_t pid = daemons_->keeper_state().pid;
  kill(pid, SIGKILL);
  NextKeeper(pid);
  auto keeper = keeper::KeeperClient::Connect(temp_.path() + "/run/keeper.sock");
  ASSERT_TRUE(keeper.ok()) << keeper.status();
  const auto held = LoadFuse(**keeper);
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ(held->id, id);
  EXPECT_EQ(FuseConnectionNumber(held->mount.get()).value(),
            FuseConnectionNumber(daemons_->fuse()->mount.get()).value());
}

TEST_F(SupervisorTest, KeeperIsToldUntilFusefsCould) {
  Start({"--refuse-keepers", "3"});
  OpenImage();
  const pid_t pid = daemons_->keeper_state().pid;
  kill(pid, SIGKILL);
  NextKeeper(pid);
  EXPECT_TRUE(KeeperGetsTheImage());
  EXPECT_EQ(daemons_->keeper_state().restarts, 1U);
}

TEST_F(SupervisorTest, AdoptedFusefsTellsTheKeeperAgain) {
  Start();
  OpenImage();
  daemons_.reset();
  ASSERT_TRUE(Keeper()->Delete("image.0a").ok());
  Start();
  EXPECT_TRUE(KeeperGetsTheImage());
}

// The new keeper knows neither images nor inode numbers of the old connection, and a floe-fusefs
// that served it on would begin them anew.
TEST_F(SupervisorTest, ConnectionEndsWithKeeperAndFusefsTogether) {
  Start();
  OpenImage();
  const auto fuse = daemons_->fuse();
  const pid_t keeper = daemons_->keeper_state().pid;
  const pid_t fusefs = daemons_->fusefs_state().pid;
  kill(fusefs, SIGSTOP);  // whoever comes first: it tells no keeper anything
  kill(keeper, SIGKILL);
  kill(fusefs, SIGKILL);
  NextFusefs(fusefs);
  EXPECT_NE(daemons_->keeper_state().pid, keeper);
  EXPECT_NE(daemons_->fuse()->id, fuse->id);
  EXPECT_TRUE(FuseAlive(*daemons_->fuse()));
  EXPECT_FALSE(FuseAlive(*fuse));
  EXPECT_FALSE(OpenFileAt(fuse->mount.get(), "0a", O_RDONLY).ok());
}

TEST_F(SupervisorTest, FailedStartLeavesARunningFusefsToBeFound) {
  Start();
  const pid_t fusefs = daemons_->fusefs_state().pid;
  const pid_t keeper = daemons_->keeper_state().pid;
  const auto fuse = daemons_->fuse();  // as a container does
  daemons_.reset();
  kill(keeper, SIGKILL);
  SupervisorOptions options = FakeDaemons(temp_.path());
  options.keeper_program = "/no/such/keeper";
  ASSERT_FALSE(DaemonSupervisor::Start(options).ok());
  Start();
  EXPECT_FALSE(Runs(fusefs));
}

TEST_F(SupervisorTest, OtherVersionIsReplaced) {
  Start({"--version", "0.0.1"});
  const pid_t old = daemons_->fusefs_state().pid;
  const std::string id = daemons_->fuse()->id;
  Start();
  EXPECT_FALSE(Runs(old));
  EXPECT_FALSE(daemons_->fusefs_state().adopted);
  EXPECT_EQ(daemons_->fusefs().Ping(In(seconds(5)))->version, FLOE_VERSION);
  EXPECT_EQ(daemons_->fuse()->id, id);
}

TEST_F(SupervisorTest, OtherVersionIsKeptOnRequest) {
  Start({"--version", "0.0.1"});
  const pid_t old = daemons_->fusefs_state().pid;
  daemons_.reset();
  SupervisorOptions options = FakeDaemons(temp_.path());
  options.replace_other_version = false;
  auto daemons = DaemonSupervisor::Start(options);
  ASSERT_TRUE(daemons.ok()) << daemons.status();
  daemons_ = *std::move(daemons);
  EXPECT_EQ(daemons_->fusefs_state().pid, old);
}

TEST_F(SupervisorTest, OnlyOneSupervises) {
  Start();
  const auto second = DaemonSupervisor::Start(FakeDaemons(temp_.path()));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(second.status().message().find(temp_.path()), std::string::npos) << second.status();
}

TEST_F(SupervisorTest, FailedStartIsExplainedAndLeavesNothing) {
  const auto failed = DaemonSupervisor::Start(FakeDaemons(temp_.path(), {"--exit", "7"}));
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(failed.status().message().find("floe-fusefs"), std::string::npos) << failed.status();
  EXPECT_NE(failed.status().message().find("exit code 7"), std::string::npos) << failed.status();
  EXPECT_NE(failed.status().message().find("no key to be found"), std::string::npos)
      << failed.status();
}

TEST_F(SupervisorTest, EndAfterListeningIsAFailedStartToo) {
  const auto failed = DaemonSupervisor::Start(FakeDaemons(temp_.path(), {"--exit-late", "9"}));
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(failed.status().message().find("exit code 9"), std::string::npos) << failed.status();
}

TEST_F(SupervisorTest, MissingProgramIsNamed) {
  SupervisorOptions options = FakeDaemons(temp_.path());
  options.keeper_program = "/no/such/keeper";
  const auto failed = DaemonSupervisor::Start(options);
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(failed.status().message().find("/no/such/keeper"), std::string::npos);
}

TEST_F(SupervisorTest, DaemonThatNeverListensIsKilledAtTheDeadline) {
  SupervisorOptions options = FakeDaemons(temp_.path());
  options.keeper_program = "/bin/sh";
  options.keeper_arguments = {"-c", "exec sleep 1000"};
  options.start_timeout = milliseconds(50);
  const auto failed = DaemonSupervisor::Start(options);
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kDeadlineExceeded) << failed.status();
}

TEST_F(SupervisorTest, AbortedConnectionIsReplaced) {
  Start();
  const std::string id = daemons_->fuse()->id;
  const pid_t pid = daemons_->fusefs_state().pid;
  OpenImage();
  // The INIT exchange first: a connection without one cannot be aborted into an end that anybody
  // sees.
  EXPECT_FALSE(OpenFileAt(daemons_->fuse()->mount.get(), "none", O_RDONLY).ok());
  const uint32_t number = FuseConnectionNumber(daemons_->fuse()->mount.get()).value();
  ASSERT_TRUE(AbortFuseConnection(number).ok());
  NextFusefs(pid);
  EXPECT_NE(daemons_->fuse()->id, id);
  EXPECT_TRUE(FuseAlive(*daemons_->fuse()));
  EXPECT_EQ(Keeper()->List("image.")->size(), 0U);  // its handles are of the old connection
}

TEST(BackoffTest, FirstAtOnceThenDoubling) {
  Backoff backoff(milliseconds(100), milliseconds(500));
  const SteadyTime now = Clock::Real().Now();
  EXPECT_EQ(backoff.Failed(now), now);
  EXPECT_EQ(backoff.Failed(now), now + milliseconds(100));
  EXPECT_EQ(backoff.Failed(now), now + milliseconds(200));
  EXPECT_EQ(backoff.Failed(now), now + milliseconds(400));
  EXPECT_EQ(backoff.Failed(now), now + milliseconds(500));
  backoff.Started(now);
  EXPECT_EQ(backoff.Failed(now + milliseconds(4999)) - now, milliseconds(4999 + 500));
  backoff.Started(now);
  EXPECT_EQ(backoff.Failed(now + seconds(5)), now + seconds(5));
}

TEST(DaemonTest, ProgramBesideOursOrInPath) {
  EXPECT_NE(ProgramBeside("floe-keeper").find("/floe-keeper"), std::string::npos);
  EXPECT_EQ(ProgramBeside("no-such-program"), "no-such-program");
}

}  // namespace
}  // namespace floe::mount
