// SPDX-License-Identifier: Apache-2.0
#include "mount/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/file.h"
#include "test/unit/mount/tiny_server.h"

namespace floe::mount {
namespace {

using std::chrono::milliseconds;
using testing::In;

TEST(ChildTest, GivesValueAndDescriptor) {
  const auto done = RunInChild(
      "test", {},
      [](ChildReport& report, int& descriptor) {
        report.value = 42;
        descriptor = open("/proc/self/status", O_RDONLY);
      },
      In(milliseconds(20000)));
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->report.value, 42U);
  EXPECT_TRUE(done->descriptor.valid());
  EXPECT_EQ(ReapAbandonedChildren(), 0U);
}

TEST(ChildTest, FailureNamesThingAndStep) {
  const auto done = RunInChild(
      "look up", {},
      [](ChildReport& report, int&) {
        if (open("/no/such", O_RDONLY) < 0) report.Fail("open /no/such");
      },
      kNoDeadline);
  ASSERT_TRUE(done.ok()) << done.status();
  const absl::Status status = done->report.ToStatus("look up");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("look up: open /no/such"), std::string::npos) << status;
}

TEST(ChildTest, HoldsOnlyTheDescriptorsItIsGiven) {
  const UniqueFd kept = OpenFile("/dev/null", O_RDONLY).value();
  const UniqueFd other = OpenFile("/dev/null", O_RDONLY).value();
  const auto done = RunInChild(
      "count", {kept.get()},
      [&](ChildReport& report, int&) {
        for (int fd = 3; fd < 1000; ++fd) report.value += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
        if (fcntl(kept.get(), F_GETFD) < 0 || fcntl(other.get(), F_GETFD) >= 0) report.value = 99;
      },
      kNoDeadline);
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->report.value, 2U);  // the kept one and the channel
}

TEST(ChildTest, IsKilledAtTheDeadline) {
  const auto done = RunInChild(
      "sleep", {}, [](ChildReport&, int&) { pause(); }, In(milliseconds(50)));
  EXPECT_EQ(done.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_NE(done.status().message().find("sleep"), std::string::npos);
  while (ReapAbandonedChildren() > 0) std::this_thread::yield();
}

TEST(ChildTest, DeathWithoutReportIsAnError) {
  const auto done = RunInChild(
      "die", {}, [](ChildReport&, int&) { raise(SIGKILL); }, kNoDeadline);
  EXPECT_EQ(done.status().code(), absl::StatusCode::kInternal);
}

TEST(ChildTest, ManyAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (uint64_t i = 0; i < 8; ++i) {
    threads.emplace_back([&right, i] {
      const auto done = RunInChild(
          "value", {}, [i](ChildReport& report, int&) { report.value = i; }, kNoDeadline);
      if (done.ok() && done->report.value == i) ++right;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 8);
}

}  // namespace
}  // namespace floe::mount
