// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/loop.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace floe::sim {
namespace {

using std::chrono::milliseconds;

TEST(Loop, RunsInOrderOfTimeThenOfMaking) {
  Loop loop;
  std::string ran;
  loop.RunAfter(milliseconds(2), [&] { ran += "c"; });
  loop.RunAfter(milliseconds(1), [&] { ran += "a"; });
  loop.RunAfter(milliseconds(1), [&] { ran += "b"; });
  EXPECT_EQ(ran, "");  // never inside the call
  loop.RunToEnd();
  EXPECT_EQ(ran, "abc");
  EXPECT_EQ(loop.elapsed(), milliseconds(2));
  EXPECT_EQ(loop.events(), 3u);
}

TEST(Loop, WorkOfNowRunsAfterTheRunningEventAndBeforeLaterOnes) {
  Loop loop;
  std::string ran;
  loop.RunAfter(milliseconds(1), [&] {
    loop.Run([&] { ran += "b"; });
    ran += "a";
  });
  loop.RunAfter(milliseconds(1), [&] { ran += "x"; });  // made before "b"
  loop.RunAfter(milliseconds(2), [&] { ran += "c"; });
  loop.RunToEnd();
  EXPECT_EQ(ran, "axbc");
}

TEST(Loop, WhatIsCancelledNeverRunsAndIsFreedAtOnce) {
  Loop loop;
  const auto owned = std::make_shared<int>(1);
  const Timer::Id id = loop.RunAfter(milliseconds(1), [owned] { FAIL() << "cancelled"; });
  EXPECT_EQ(owned.use_count(), 2);
  EXPECT_TRUE(loop.Cancel(id));
  EXPECT_EQ(owned.use_count(), 1);
  EXPECT_FALSE(loop.Cancel(id));
  loop.RunToEnd();
  EXPECT_EQ(loop.events(), 0u);
}

TEST(Loop, CancelOfWhatRanSaysSo) {
  Loop loop;
  Timer::Id id = 0;
  id = loop.RunAfter(milliseconds(1), [&] { EXPECT_FALSE(loop.Cancel(id)); });
  loop.RunToEnd();
  EXPECT_FALSE(loop.Cancel(id));
}

TEST(Loop, StandsAtTheEndOfWhatItWasToldToRun) {
  Loop loop;
  int ran = 0;
  loop.RunAfter(milliseconds(5), [&] { ++ran; });
  loop.RunUntil(loop.Now() + milliseconds(3));
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(loop.elapsed(), milliseconds(3));
  loop.RunUntil(loop.Now() + milliseconds(2));
  EXPECT_EQ(ran, 1);  // due at the very end
}

TEST(Loop, ThePastIsNowAndNoDeadlineIsNever) {
  Loop loop;
  int ran = 0;
  loop.RunUntil(loop.Now() + milliseconds(10));
  loop.RunAt(loop.Now() - milliseconds(5), [&] { ++ran; });
  loop.RunAt(kNoDeadline, [&] { FAIL() << "never"; });
  loop.RunToEnd();
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(loop.elapsed(), milliseconds(10));
}

TEST(Loop, BeginsLongAfterTheMachinesClock) {
  Loop loop;
  EXPECT_GT(loop.Now(), Clock::Real().Now() + std::chrono::hours(100));
  const SystemTime wall = loop.WallNow();
  loop.RunUntil(loop.Now() + milliseconds(7));
  EXPECT_EQ(loop.WallNow() - wall, milliseconds(7));
}

}  // namespace
}  // namespace floe::sim
