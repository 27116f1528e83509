// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/retry_store.h"

#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct RetrySubject {
  static constexpr bool kListsEverything = true;
  ThreadTimer timer{"test-retry"};
  std::shared_ptr<ChunkStore> Make() {
    return std::make_shared<RetryStore>(std::make_shared<FakeChunkStore>(), timer, RetryOptions{},
                                        1);
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Retry, ChunkStoreContract, RetrySubject);

class RetryStoreTest : public testing::Test {
 protected:
  RetryStoreTest() { fake_->Add(FakeSealedChunk(1)); }

  void Get(RetryStore& store, const RequestOptions& options = {}) {
    store.Get(FakeSealedChunk(1).id(), options, [this](auto result) {
      ++answers_;
      status_ = result.status();
    });
  }
  size_t gets() const { return fake_->gets(); }

  ManualTimer timer_;
  Metrics metrics_;
  Counter& retries_ = metrics_.GetCounter("floe_test_retries_total", "test");
  std::shared_ptr<FakeChunkStore> fake_ = std::make_shared<FakeChunkStore>();
  RetryStore store_{fake_, timer_, RetryOptions{}, 1, &retries_};
  int answers_ = 0;
  absl::Status status_;
};

TEST_F(RetryStoreTest, TriesAgainUntilItSucceeds) {
  fake_->FailNext(3, absl::UnavailableError("down"));
  Get(store_);
  EXPECT_EQ(answers_, 0);
  timer_.Advance(hours(1));
  EXPECT_EQ(answers_, 1);
  EXPECT_TRUE(status_.ok());
  EXPECT_EQ(gets(), 4u);
  EXPECT_EQ(retries_.value(), 3);
}

TEST_F(RetryStoreTest, GivesUpAfterItsAttemptsWithTheLastError) {
  fake_->FailNext(100, absl::UnavailableError("down"));
  Get(store_);
  timer_.Advance(hours(1));
  EXPECT_EQ(answers_, 1);
  EXPECT_TRUE(absl::IsUnavailable(status_));
  EXPECT_EQ(gets(), 6u);
}

TEST_F(RetryStoreTest, AnAttemptThatTimedOutIsTriedAgain) {
  fake_->FailNext(1, absl::DeadlineExceededError("slow"));
  Get(store_);
  timer_.Advance(seconds(1));
  EXPECT_TRUE(status_.ok());
  EXPECT_EQ(gets(), 2u);
}

TEST_F(RetryStoreTest, WhatWillNotPassIsNotTriedAgain) {
  for (const absl::Status& status :
       {absl::NotFoundError("x"), absl::PermissionDeniedError("x"), absl::DataLossError("x"),
        absl::CancelledError("x"), absl::InvalidArgumentError("x"),
        absl::ResourceExhaustedError("x")}) {
    const size_t before = gets();
    fake_->FailNext(1, status);
    Get(store_);
    EXPECT_EQ(status_.code(), status.code());
    EXPECT_EQ(gets(), before + 1);
  }
  EXPECT_EQ(timer_.pending(), 0u);
}

TEST_F(RetryStoreTest, NeverWaitsBeyondTheDeadline) {
  fake_->FailNext(100, absl::UnavailableError("down"));
  RequestOptions options;
  options.deadline = timer_.Now() + milliseconds(1);
  Get(store_, options);
  timer_.Advance(milliseconds(1));
  EXPECT_EQ(answers_, 1);
  EXPECT_TRUE(absl::IsUnavailable(status_));
}

TEST_F(RetryStoreTest, ACancelledRequestIsNotTriedAgain) {
  CancelSource source;
  RequestOptions options;
  options.cancel = source.token();
  fake_->Hold();
  fake_->FailNext(1, absl::UnavailableError("down"));
  Get(store_, options);
  source.Cancel();
  fake_->Release();
  EXPECT_EQ(answers_, 1);
  EXPECT_FALSE(status_.ok());
  EXPECT_EQ(gets(), 1u);
}

// 200 requests against a store that is down: the budget keeps retries at 10 % and the burst.
TEST_F(RetryStoreTest, TheBudgetKeepsAStoreInTroubleFromBeingBuried) {
  fake_->FailNext(1'000'000, absl::UnavailableError("down"));
  for (int i = 0; i < 200; ++i) {
    Get(store_);
    timer_.Advance(hours(1));
  }
  EXPECT_EQ(answers_, 200);
  EXPECT_LE(retries_.value(), 20 + 200 * 0.1);
  EXPECT_GE(retries_.value(), 20);
}

// All roots of a store share its budget: two stores have no more retries than one.
TEST_F(RetryStoreTest, StoresOfOneOriginShareItsBudget) {
  const auto budget = std::make_shared<RetryBudget>(0.1, 4);
  RetryStore one(fake_, timer_, RetryOptions{}, 1, &retries_, budget);
  RetryStore other(fake_, timer_, RetryOptions{}, 2, &retries_, budget);
  fake_->FailNext(1'000'000, absl::UnavailableError("down"));
  for (int i = 0; i < 50; ++i) {
    Get(one);
    Get(other);
    timer_.Advance(hours(1));
  }
  EXPECT_EQ(answers_, 100);
  EXPECT_LE(retries_.value(), 4 + 100 * 0.1);
  EXPECT_GE(retries_.value(), 4);
}

// A store that is full is no reason to fail a reader who has time; nor to ask it more often.
TEST_F(RetryStoreTest, SlowDownWaitsForTheBudgetUntilTheDeadline) {
  const auto empty = std::make_shared<RetryBudget>(0.1, 0);
  RetryStore store(fake_, timer_, RetryOptions{}, 1, &retries_, empty);
  fake_->FailNext(1'000'000, SlowDown("503"));
  RequestOptions options;
  options.deadline = timer_.Now() + seconds(50);
  Get(store, options);
  timer_.Advance(seconds(49));
  EXPECT_LE(retries_.value(), 5);  // one each ten seconds
  EXPECT_GE(retries_.value(), 3);
  timer_.Advance(seconds(2));
  EXPECT_EQ(answers_, 1);
  EXPECT_TRUE(IsSlowDown(status_));
}

TEST_F(RetryStoreTest, SlowDownIsNoAttempt) {
  fake_->FailNext(15, SlowDown("503"));
  Get(store_);
  timer_.Advance(hours(1));
  EXPECT_EQ(answers_, 1);
  EXPECT_TRUE(status_.ok());
  EXPECT_EQ(gets(), 16u);
}

TEST_F(RetryStoreTest, WhoWaitsForTheBudgetMayGo) {
  const auto empty = std::make_shared<RetryBudget>(0.1, 0);
  RetryStore store(fake_, timer_, RetryOptions{}, 1, &retries_, empty);
  fake_->FailNext(1'000'000, SlowDown("503"));
  CancelSource source;
  RequestOptions options;
  options.cancel = source.token();
  Get(store, options);
  source.Cancel();
  timer_.Advance(hours(1));
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(timer_.pending(), 0u);
}

TEST_F(RetryStoreTest, WaitsGrowAndAreSpread) {
  // The same seed gives the same waits; another one others: full jitter, not a fixed ladder.
  const auto waits = [&](uint64_t seed) {
    auto fake = std::make_shared<FakeChunkStore>();
    RetryStore store(fake, timer_, RetryOptions{}, seed);
    fake->FailNext(100, absl::UnavailableError("down"));
    std::vector<milliseconds> at;
    const SteadyTime begin = timer_.Now();
    std::optional<absl::Status> answer;
    store.Get(FakeSealedChunk(1).id(), {}, [&](auto result) { answer = result.status(); });
    size_t seen = 1;
    while (!answer.has_value()) {
      timer_.Advance(milliseconds(1));
      if (fake->gets() > seen) {
        at.push_back(std::chrono::duration_cast<milliseconds>(timer_.Now() - begin));
        seen = fake->gets();
      }
    }
    return at;
  };
  EXPECT_EQ(waits(7), waits(7));
  EXPECT_NE(waits(7), waits(8));
  EXPECT_LE(waits(7).back(), milliseconds(50 + 100 + 200 + 400 + 800 + 5));
}

TEST_F(RetryStoreTest, PutsAreTriedAgainToo) {
  fake_->FailNext(2, absl::UnavailableError("down"));
  absl::StatusOr<PutResult> result = absl::UnknownError("no answer");
  store_.Put(FakeSealedChunk(2), {}, [&](auto put) { result = put; });
  timer_.Advance(hours(1));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, PutResult::kCreated);
  EXPECT_EQ(fake_->puts(), 3u);
}

}  // namespace
}  // namespace floe::store
