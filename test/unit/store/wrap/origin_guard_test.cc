// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/origin_guard.h"

#include "store/wrap/single_flight_store.h"
#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

struct GuardedSubject {
  static constexpr bool kListsEverything = true;
  Metrics metrics;
  ThreadTimer timer{"test-guard"};
  ThreadPool workers{"test-guard", 2};
  OriginGuard guard{"origin", "fake", {}, timer, workers, metrics, Clock::Real(), 1};
  std::shared_ptr<ChunkStore> Make() { return guard.Wrap(std::make_shared<FakeChunkStore>()); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Guarded, ChunkStoreContract, GuardedSubject);

class OriginGuardTest : public testing::Test {
 protected:
  OriginGuardTest() {
    for (uint64_t seed = 0; seed < 100; ++seed) fake_->Add(FakeSealedChunk(seed));
  }
  void Make(const OriginOptions& options) {
    guard_.emplace("origin", "fake", options, timer_, inline_, metrics_, Clock::Real(), 1);
  }
  void Get(ChunkStore& store, uint64_t seed, RequestClass request_class = RequestClass::kRunning) {
    RequestOptions options;
    options.request_class = request_class;
    store.Get(FakeSealedChunk(seed).id(), options,
              [this](auto result) { answers_.push_back(result.status()); });
  }
  double Requests(const std::string& result) {
    return metrics_
        .GetCounter("floe_store_requests_total", "",
                    {{"store", "origin"}, {"operation", "get"}, {"result", result}})
        .value();
  }

  ManualTimer timer_;
  InlineExecutor inline_;
  Metrics metrics_;
  std::shared_ptr<FakeChunkStore> fake_ = std::make_shared<FakeChunkStore>();
  std::optional<OriginGuard> guard_;
  std::vector<absl::Status> answers_;
};

TEST_F(OriginGuardTest, RootsShareTheLimit) {
  OriginOptions options;
  options.requests = 4;
  Make(options);
  fake_->Hold();
  const auto one = guard_->Wrap(fake_), other = guard_->Wrap(fake_);
  for (uint64_t seed = 0; seed < 10; ++seed) Get(seed % 2 == 0 ? *one : *other, seed);
  EXPECT_EQ(fake_->held(), 4u);
  EXPECT_EQ(guard_->load().urgent, 6u);
  fake_->Release();
  EXPECT_EQ(answers_.size(), 10u);
}

TEST_F(OriginGuardTest, WhatWaitsForItsNextAttemptHoldsNoSlot) {
  OriginOptions options;
  options.requests = 1;
  Make(options);
  const auto store = guard_->Wrap(fake_);
  fake_->FailNext(1, absl::UnavailableError("down"));
  Get(*store, 1);
  EXPECT_TRUE(answers_.empty());
  Get(*store, 2);
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_TRUE(answers_[0].ok());
  timer_.Advance(hours(1));
  EXPECT_EQ(answers_.size(), 2u);
}

TEST_F(OriginGuardTest, EachSlowDownHalvesTheLimit) {
  OriginOptions options;
  options.requests = 64;
  Make(options);
  const auto store = guard_->Wrap(fake_);
  EXPECT_EQ(guard_->load().limit, 8u);  // it begins slowly
  Get(*store, 2);
  EXPECT_EQ(guard_->load().limit, 9u);
  answers_.clear();
  fake_->FailNext(1, SlowDown("503"));
  Get(*store, 1);
  EXPECT_EQ(guard_->load().limit, 4u);
  timer_.Advance(hours(1));
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_TRUE(answers_[0].ok());
  EXPECT_EQ(Requests("unavailable"), 1);
  EXPECT_EQ(Requests("ok"), 2);
}

TEST_F(OriginGuardTest, AnAttemptThatHangsIsTriedAgainAndTheSlotIsFree) {
  OriginOptions options;
  options.requests = 1;
  options.attempt_timeout = seconds(5);
  Make(options);
  const auto store = guard_->Wrap(fake_);
  fake_->Hold();
  Get(*store, 1);
  EXPECT_EQ(fake_->held(), 1u);
  timer_.Advance(seconds(15));
  EXPECT_GE(fake_->held(), 2u);
  fake_->Release();
  timer_.Advance(seconds(15));
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_TRUE(answers_[0].ok());
}

TEST_F(OriginGuardTest, WrongBytesAreCountedAndNotTriedAgain) {
  Make({});
  const auto store = guard_->Wrap(fake_);
  fake_->Corrupt(FakeSealedChunk(1).id());
  Get(*store, 1);
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_TRUE(absl::IsDataLoss(answers_[0]));
  EXPECT_EQ(fake_->gets(), 1u);
  for (const char* name : {"floe_chunk_mismatches_total", "floe_tier_mismatches_total"}) {
    EXPECT_EQ(metrics_.GetCounter(name, "", {{"tier", "origin"}}).value(), 1) << name;
  }
}

TEST_F(OriginGuardTest, ItsGateSeesItsQueue) {
  OriginOptions options;
  options.requests = 1;
  options.overload.queued = 3;
  Make(options);
  const auto store = guard_->Wrap(fake_);
  fake_->Hold();
  for (uint64_t seed = 0; seed < 4; ++seed) Get(*store, seed);
  EXPECT_TRUE(guard_->gate().Admit().ok());
  Get(*store, 4);
  EXPECT_TRUE(absl::IsUnavailable(guard_->gate().Admit()));
  fake_->Release();
  EXPECT_TRUE(guard_->gate().Admit().ok());
}

}  // namespace
}  // namespace floe::store
