// SPDX-License-Identifier: Apache-2.0
#include "base/timer.h"

#include <future>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace floe {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(ThreadTimer, RunsWhatIsDueInTheOrderOfTime) {
  ThreadTimer timer("test-timer");
  std::vector<int> order;
  std::promise<void> done;
  const SteadyTime now = timer.Now();
  // All are due already, or soon: the order decides, not the clock.
  std::promise<void> start;
  timer.RunAt(now - seconds(3), [&] { start.get_future().wait(); });
  timer.RunAt(now - seconds(1), [&] { order.push_back(2), done.set_value(); });
  timer.RunAt(now - seconds(2), [&] { order.push_back(1); });
  start.set_value();
  done.get_future().wait();
  EXPECT_THAT(order, testing::ElementsAre(1, 2));
}

TEST(ThreadTimer, WakesForWorkThatIsDueBeforeWhatItWaitsFor) {
  ThreadTimer timer("test-timer");
  timer.RunAt(kNoDeadline, [] { FAIL(); });
  timer.RunAt(timer.Now() + hours(1), [] { FAIL(); });
  std::promise<void> done;
  timer.RunAt(timer.Now(), [&] { done.set_value(); });
  done.get_future().wait();
}

TEST(ThreadTimer, CancelledWorkNeverRunsAndIsDropped) {
  ThreadTimer timer("test-timer");
  auto owned = std::make_shared<int>(1);
  const Timer::Id id = timer.RunAt(timer.Now() + hours(1), [owned] { FAIL(); });
  EXPECT_EQ(owned.use_count(), 2);
  EXPECT_TRUE(timer.Cancel(id));
  EXPECT_EQ(owned.use_count(), 1);
  EXPECT_FALSE(timer.Cancel(id));
}

TEST(ThreadTimer, CancelOfWorkThatRanIsFalse) {
  ThreadTimer timer("test-timer");
  std::promise<void> done;
  const Timer::Id id = timer.RunAt(timer.Now(), [&] { done.set_value(); });
  done.get_future().wait();
  EXPECT_FALSE(timer.Cancel(id));
}

TEST(ThreadTimer, DropsWhatIsNotDueWhenItGoes) {
  auto owned = std::make_shared<int>(1);
  {
    ThreadTimer timer("test-timer");
    timer.RunAt(timer.Now() + hours(1), [owned] { FAIL(); });
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(ManualTimer, RunsWhatBecomesDueWithTheTimeItIsDue) {
  ManualTimer timer;
  std::vector<seconds> seen;
  const SteadyTime start = timer.Now();
  const auto note = [&] {
    seen.push_back(std::chrono::duration_cast<seconds>(timer.Now() - start));
  };
  timer.RunAt(start + seconds(2), note);
  timer.RunAt(start + seconds(1), [&] {
    note();
    timer.RunAt(timer.Now() + seconds(3), note);
  });
  const Timer::Id cancelled = timer.RunAt(start + seconds(1), [] { FAIL(); });
  timer.RunAt(start + seconds(9), note);
  EXPECT_TRUE(timer.Cancel(cancelled));
  EXPECT_FALSE(timer.Cancel(cancelled));
  timer.Advance(seconds(5));
  EXPECT_THAT(seen, testing::ElementsAre(seconds(1), seconds(2), seconds(4)));
  EXPECT_EQ(timer.pending(), 1u);
  EXPECT_EQ(timer.Now(), start + seconds(5));
}

}  // namespace
}  // namespace floe
