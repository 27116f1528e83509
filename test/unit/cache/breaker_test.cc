// SPDX-License-Identifier: Apache-2.0
#include "cache/breaker.h"

#include <set>

#include "gtest/gtest.h"

namespace floe::cache {
namespace {

using std::chrono::milliseconds;
using Told = Breaker::Answer;

constexpr BreakerOptions kOptions = {3, milliseconds(100), milliseconds(400)};

class BreakerTest : public testing::Test {
 protected:
  void FailUntilOpen() {
    EXPECT_EQ(breaker_.Tell(false, now_), Told::kBad);
    EXPECT_EQ(breaker_.Tell(false, now_), Told::kBad);
    EXPECT_EQ(breaker_.Tell(false, now_), Told::kOpened);
  }

  Breaker breaker_{kOptions, 1};
  SteadyTime now_{std::chrono::hours(1)};
};

TEST_F(BreakerTest, OpensAfterFailuresInARowOnly) {
  for (int round = 0; round < 10; ++round) {
    EXPECT_TRUE(breaker_.Allow(now_));
    EXPECT_EQ(breaker_.Tell(false, now_), Told::kBad);
    EXPECT_EQ(breaker_.Tell(false, now_), Told::kBad);
    EXPECT_EQ(breaker_.Tell(true, now_), Told::kGood);
  }
  EXPECT_FALSE(breaker_.open());
  FailUntilOpen();
  EXPECT_TRUE(breaker_.open());
  EXPECT_FALSE(breaker_.Allow(now_));
}

TEST_F(BreakerTest, OneRequestTriesAfterThePause) {
  FailUntilOpen();
  EXPECT_FALSE(breaker_.Allow(now_ + milliseconds(49)));
  now_ += milliseconds(100);
  EXPECT_TRUE(breaker_.Allow(now_));
  EXPECT_FALSE(breaker_.Allow(now_)) << "only one";
  EXPECT_EQ(breaker_.Tell(true, now_), Told::kClosed);
  EXPECT_TRUE(breaker_.Allow(now_));
  EXPECT_TRUE(breaker_.Allow(now_));
}

TEST_F(BreakerTest, ThePauseDoublesUpToTheLongestAndBeginsAnewAfterSuccess) {
  FailUntilOpen();
  for (const int most : {100, 200, 400, 400, 400}) {
    EXPECT_FALSE(breaker_.Allow(now_ + milliseconds(most / 2 - 1)));
    now_ += milliseconds(most);
    ASSERT_TRUE(breaker_.Allow(now_)) << most;
    EXPECT_EQ(breaker_.Tell(false, now_), Told::kBad);
  }
  now_ += milliseconds(400);
  ASSERT_TRUE(breaker_.Allow(now_));
  EXPECT_EQ(breaker_.Tell(true, now_), Told::kClosed);
  FailUntilOpen();
  EXPECT_TRUE(breaker_.Allow(now_ + milliseconds(100)));
}

TEST_F(BreakerTest, WhatWasAskedBeforeItOpenedDoesNotLengthenThePause) {
  FailUntilOpen();
  for (int late = 0; late < 20; ++late) EXPECT_EQ(breaker_.Tell(false, now_), Told::kBad);
  EXPECT_TRUE(breaker_.Allow(now_ + milliseconds(100)));
}

TEST_F(BreakerTest, ALateAnswerClosesIt) {
  FailUntilOpen();
  EXPECT_EQ(breaker_.Tell(true, now_), Told::kClosed);
  EXPECT_TRUE(breaker_.Allow(now_));
}

TEST(BreakerJitterTest, ClientsDoNotComeBackTogether) {
  const SteadyTime now(std::chrono::hours(1));
  std::set<int> first_allowed;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Breaker breaker(kOptions, seed);
    for (int i = 0; i < 3; ++i) breaker.Tell(false, now);
    int waited = 0;
    while (!breaker.Allow(now + milliseconds(waited))) ++waited;
    EXPECT_GE(waited, 50);
    EXPECT_LE(waited, 100);
    first_allowed.insert(waited);
  }
  EXPECT_GT(first_allowed.size(), 15u);
}

}  // namespace
}  // namespace floe::cache
