// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/overload_gate.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace floe::store {
namespace {

using std::chrono::seconds;

class OverloadGateTest : public testing::Test {
 protected:
  // Queues a request of a class behind the one that has the only slot.
  void Wait(RequestClass request_class) {
    RequestOptions options;
    options.request_class = request_class;
    limiter_->Submit(
        options, [] {}, [](const absl::Status&) {});
  }
  void AnswerOne() { limiter_->Finish(absl::OkStatus(), clock_.Now()); }

  FakeClock clock_;
  Metrics metrics_;
  Counter& refused_ = metrics_.GetCounter("floe_test_refused_total", "");
  Gauge& full_ = metrics_.GetGauge("floe_test_full", "");
  std::shared_ptr<RequestLimiter> limiter_ = std::make_shared<RequestLimiter>(
      "s3://floe", std::make_unique<FixedLimit>(1), LimitOptions{}, clock_);
  OverloadGate gate_{"s3://floe", limiter_, {4, seconds(10)}, {&refused_, &full_}};
};

TEST_F(OverloadGateTest, AnIdleOriginTakesStarts) {
  EXPECT_TRUE(gate_.Admit().ok());
  Wait(RequestClass::kRunning);
  clock_.Advance(seconds(60));  // under way, not queued: slow is not full
  EXPECT_TRUE(gate_.Admit().ok());
}

TEST_F(OverloadGateTest, RefusesWhileReadersWaitTooLongAndSaysWhatToDo) {
  for (int i = 0; i < 3; ++i) Wait(RequestClass::kStart);
  clock_.Advance(seconds(10));
  EXPECT_TRUE(gate_.Admit().ok());
  clock_.Advance(seconds(1));
  const absl::Status refused = gate_.Admit();
  ASSERT_TRUE(absl::IsUnavailable(refused)) << refused;
  for (const char* text :
       {"s3://floe", "2 reads wait", "11000 ms", "again in a while", "origin_requests"}) {
    EXPECT_THAT(std::string(refused.message()), testing::HasSubstr(text));
  }
  EXPECT_EQ(refused_.value(), 1);
  EXPECT_EQ(full_.value(), 1);
}

TEST_F(OverloadGateTest, OpensAgainOnlyHalfWayDown) {
  for (int i = 0; i < 6; ++i) Wait(RequestClass::kRunning);  // five of them queued
  EXPECT_FALSE(gate_.Admit().ok());
  AnswerOne();
  EXPECT_FALSE(gate_.Admit().ok());  // four: would not have closed it
  AnswerOne();
  EXPECT_FALSE(gate_.Admit().ok());
  AnswerOne();  // two
  gate_.Look();
  EXPECT_FALSE(gate_.full());
  EXPECT_EQ(full_.value(), 0);
  EXPECT_TRUE(gate_.Admit().ok());
  Wait(RequestClass::kRunning);
  Wait(RequestClass::kRunning);  // four again
  EXPECT_TRUE(gate_.Admit().ok());
  EXPECT_EQ(refused_.value(), 3);
}

TEST_F(OverloadGateTest, WhatNobodyWaitsForDoesNotCount) {
  Wait(RequestClass::kRunning);
  for (int i = 0; i < 100; ++i) Wait(RequestClass::kBackground);
  for (int i = 0; i < 100; ++i) Wait(RequestClass::kPrefetch);
  clock_.Advance(seconds(100));
  EXPECT_TRUE(gate_.Admit().ok());
}

}  // namespace
}  // namespace floe::store
