// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/limiting_store.h"

#include "store/wrap/single_flight_store.h"
#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

struct LimitingSubject {
  static constexpr bool kListsEverything = true;
  std::shared_ptr<ChunkStore> Make() {
    return std::make_shared<LimitingStore>(std::make_shared<FakeChunkStore>(),
                                           std::make_unique<FixedLimit>(2));
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Limiting, ChunkStoreContract, LimitingSubject);

class LimitingStoreTest : public testing::Test {
 protected:
  LimitingStoreTest() {
    for (uint64_t seed = 0; seed < 100; ++seed) fake_->Add(FakeSealedChunk(seed));
    fake_->Hold();
  }

  std::unique_ptr<LimitingStore> Make(size_t limit, LimitOptions options = {}) {
    return std::make_unique<LimitingStore>(fake_, std::make_unique<FixedLimit>(limit), options);
  }
  void Get(ChunkStore& store, uint64_t seed, RequestClass request_class,
           RequestOptions options = {}) {
    options.request_class = request_class;
    store.Get(FakeSealedChunk(seed).id(), options,
              [this, seed](auto result) { answers_.emplace_back(seed, result.status()); });
  }

  std::shared_ptr<FakeChunkStore> fake_ = std::make_shared<FakeChunkStore>();
  std::vector<std::pair<uint64_t, absl::Status>> answers_;
};

TEST_F(LimitingStoreTest, KeepsToTheLimit) {
  auto store = Make(3);
  for (uint64_t seed = 0; seed < 10; ++seed) Get(*store, seed, RequestClass::kRunning);
  EXPECT_EQ(fake_->held(), 3u);
  EXPECT_EQ(store->in_flight(), 3u);
  EXPECT_EQ(store->queued(), 7u);
  EXPECT_TRUE(fake_->ReleaseOne());
  EXPECT_EQ(fake_->held(), 3u);
  EXPECT_EQ(store->queued(), 6u);
  fake_->Release();
  EXPECT_EQ(answers_.size(), 10u);
  EXPECT_EQ(store->in_flight(), 0u);
}

TEST_F(LimitingStoreTest, KeepsSlotsForTheUrgent) {
  auto store = Make(8);  // running 8, start 7, prefetch 4, background 2
  for (uint64_t seed = 0; seed < 10; ++seed) Get(*store, seed, RequestClass::kBackground);
  EXPECT_EQ(fake_->held(), 2u);
  for (uint64_t seed = 10; seed < 20; ++seed) Get(*store, seed, RequestClass::kPrefetch);
  EXPECT_EQ(fake_->held(), 4u);
  for (uint64_t seed = 20; seed < 30; ++seed) Get(*store, seed, RequestClass::kStart);
  EXPECT_EQ(fake_->held(), 7u);
  Get(*store, 30, RequestClass::kRunning);
  EXPECT_EQ(fake_->held(), 8u);
  fake_->Release();
  EXPECT_EQ(answers_.size(), 31u);
}

TEST_F(LimitingStoreTest, TheMostUrgentGoFirstThenTheOldest) {
  auto store = Make(1);
  Get(*store, 0, RequestClass::kRunning);
  Get(*store, 1, RequestClass::kBackground);
  Get(*store, 2, RequestClass::kPrefetch);
  Get(*store, 3, RequestClass::kRunning);
  Get(*store, 4, RequestClass::kStart);
  Get(*store, 5, RequestClass::kRunning);
  std::vector<uint64_t> order;
  while (fake_->ReleaseOne()) order.push_back(answers_.back().first);
  EXPECT_THAT(order, testing::ElementsAre(0, 3, 5, 4, 2, 1));
}

TEST_F(LimitingStoreTest, ARequestThatRisesIsStartedAtOnce) {
  auto store = Make(4);  // background 1
  Get(*store, 0, RequestClass::kBackground);
  RequestOptions rising;
  rising.urgency = std::make_shared<Urgency>(RequestClass::kBackground);
  Get(*store, 1, RequestClass::kBackground, rising);
  EXPECT_EQ(fake_->held(), 1u);
  rising.urgency->Raise(RequestClass::kRunning);
  EXPECT_EQ(fake_->held(), 2u);
  fake_->Release();
  EXPECT_EQ(answers_.size(), 2u);
  store.reset();
  rising.urgency->Raise(RequestClass::kRunning);  // nobody is there any more
}

TEST_F(LimitingStoreTest, AReaderRaisesAPrefetchThroughTheSharedFetch) {
  ManualTimer timer;
  LimitOptions options;
  std::shared_ptr<ChunkStore> limited = Make(4, options);
  SingleFlightStore store(limited, timer);
  Get(store, 0, RequestClass::kBackground);
  Get(store, 1, RequestClass::kBackground);
  EXPECT_EQ(fake_->held(), 1u);
  Get(store, 1, RequestClass::kRunning);
  EXPECT_EQ(fake_->held(), 2u);
  EXPECT_EQ(fake_->gets_of(FakeSealedChunk(1).id()), 1u);
  fake_->Release();
  EXPECT_EQ(answers_.size(), 3u);
}

TEST_F(LimitingStoreTest, WhatIsNotWantedAnyMoreIsNotAsked) {
  auto store = Make(1);
  Get(*store, 0, RequestClass::kRunning);
  CancelSource source;
  RequestOptions cancelled;
  cancelled.cancel = source.token();
  RequestOptions late;
  late.deadline = SteadyTime(std::chrono::nanoseconds(1));
  Get(*store, 1, RequestClass::kRunning, cancelled);
  Get(*store, 2, RequestClass::kRunning, late);
  Get(*store, 3, RequestClass::kRunning);
  source.Cancel();
  fake_->Release();
  ASSERT_EQ(answers_.size(), 4u);
  for (const auto& [seed, status] : answers_) {
    const absl::StatusCode expected = seed == 1   ? absl::StatusCode::kCancelled
                                      : seed == 2 ? absl::StatusCode::kDeadlineExceeded
                                                  : absl::StatusCode::kOk;
    EXPECT_EQ(status.code(), expected) << seed;
  }
  EXPECT_EQ(fake_->gets(), 2u);
}

TEST_F(LimitingStoreTest, AFullQueueRefusesOnlyWhatCanBeDoneWithout) {
  LimitOptions options;
  options.max_queued = 2;
  auto store = Make(1, options);
  for (uint64_t seed = 0; seed < 3; ++seed) Get(*store, seed, RequestClass::kRunning);
  Get(*store, 3, RequestClass::kPrefetch);
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_TRUE(absl::IsResourceExhausted(answers_[0].second));
  Get(*store, 4, RequestClass::kStart);
  Get(*store, 5, RequestClass::kRunning);
  EXPECT_EQ(answers_.size(), 1u);
  fake_->Release();
  EXPECT_EQ(answers_.size(), 6u);
}

TEST_F(LimitingStoreTest, ManyAnswersAtOnceDoNotNest) {
  fake_->Release();
  auto store = Make(1);
  // Each answer asks for the next: a stack that grew with them would not hold 20,000.
  std::atomic<int> left{20'000};
  std::function<void()> next = [&] {
    store->Get(FakeSealedChunk(1).id(), {}, [&](auto) { --left; });
  };
  fake_->Hold();
  next();
  for (int i = 0; i < 19'999; ++i) next();
  fake_->Release();
  EXPECT_EQ(left, 0);
}

TEST_F(LimitingStoreTest, StoresOfOneOriginShareItsLimiter) {
  const auto limiter = std::make_shared<RequestLimiter>("origin", std::make_unique<FixedLimit>(2));
  auto one = std::make_unique<LimitingStore>(fake_, limiter);
  auto other = std::make_unique<LimitingStore>(fake_, limiter);
  for (uint64_t seed = 0; seed < 3; ++seed) Get(*one, seed, RequestClass::kStart);
  Get(*other, 3, RequestClass::kStart);
  EXPECT_EQ(fake_->held(), 1u);  // of two slots one is kept for running containers,
  Get(*other, 4, RequestClass::kRunning);
  EXPECT_EQ(fake_->held(), 2u);  // which have it
  Get(*other, 5, RequestClass::kRunning);
  EXPECT_EQ(limiter->load().in_flight, 2u);
  fake_->Release();
  EXPECT_EQ(answers_.size(), 6u);
  one.reset();  // does not wait for the other
  Get(*other, 6, RequestClass::kRunning);
  EXPECT_TRUE(answers_.back().second.ok());
}

TEST_F(LimitingStoreTest, ASlotIsPassedOnToTheOtherStore) {
  const auto limiter = std::make_shared<RequestLimiter>("origin", std::make_unique<FixedLimit>(1));
  LimitingStore one(fake_, limiter), other(fake_, limiter);
  Get(one, 0, RequestClass::kRunning);
  Get(other, 1, RequestClass::kRunning);
  EXPECT_EQ(fake_->held(), 1u);
  EXPECT_TRUE(fake_->ReleaseOne());
  EXPECT_EQ(fake_->gets_of(FakeSealedChunk(1).id()), 1u);
  fake_->Release();
  EXPECT_EQ(answers_.size(), 2u);
}

TEST_F(LimitingStoreTest, TellsHowLongTheUrgentWait) {
  FakeClock clock;
  const auto limiter = std::make_shared<RequestLimiter>("origin", std::make_unique<FixedLimit>(1),
                                                        LimitOptions{}, clock);
  LimitingStore store(fake_, limiter);
  Get(store, 0, RequestClass::kRunning);
  EXPECT_EQ(limiter->load().longest_wait.count(), 0);
  Get(store, 1, RequestClass::kBackground);
  clock.Advance(std::chrono::seconds(5));
  EXPECT_EQ(limiter->load().urgent, 0u);
  EXPECT_EQ(limiter->load().longest_wait.count(), 0);
  Get(store, 2, RequestClass::kStart);
  clock.Advance(std::chrono::seconds(3));
  EXPECT_EQ(limiter->load().urgent, 1u);
  EXPECT_EQ(limiter->load().queued, 2u);
  EXPECT_EQ(limiter->load().longest_wait, std::chrono::seconds(3));
  EXPECT_EQ(limiter->load().limit, 1u);
  fake_->Release();
  EXPECT_EQ(limiter->load().queued, 0u);
}

TEST_F(LimitingStoreTest, TheDeadlineIsTheClocks) {
  FakeClock clock;
  LimitingStore store(fake_, std::make_unique<FixedLimit>(1), {}, clock);
  RequestOptions options;
  options.deadline = clock.Now() + std::chrono::seconds(1);
  Get(store, 0, RequestClass::kRunning);
  Get(store, 1, RequestClass::kRunning, options);
  clock.Advance(std::chrono::seconds(2));
  fake_->Release();
  ASSERT_EQ(answers_.size(), 2u);
  for (const auto& [seed, status] : answers_) {
    EXPECT_EQ(absl::IsDeadlineExceeded(status), seed == 1) << status;
  }
}

TEST_F(LimitingStoreTest, PutsCountToo) {
  auto store = Make(1);
  int put = 0;
  for (uint64_t seed = 200; seed < 203; ++seed) {
    store->Put(FakeSealedChunk(seed), {}, [&](auto result) { put += result.ok() ? 1 : 0; });
  }
  EXPECT_EQ(fake_->held(), 1u);
  fake_->Release();
  EXPECT_EQ(put, 3);
}

class AimdLimitTest : public testing::Test {
 protected:
  void Good(size_t times, SteadyTime::duration took = std::chrono::milliseconds(36)) {
    for (size_t i = 0; i < times; ++i) limit_->OnAnswer(absl::OkStatus(), took, 0);
  }
  void Trouble(const absl::Status& status, size_t in_flight = 0) {
    limit_->OnAnswer(status, std::chrono::milliseconds(1), in_flight);
  }
  // After its first congestion, which ends the slow start.
  void Make(size_t limit, size_t most) {
    limit_.emplace(2 * limit, most);
    Trouble(SlowDown("503"));
    ASSERT_EQ(limit_->limit(), limit);
  }
  std::optional<AimdLimit> limit_;
};

TEST_F(AimdLimitTest, StartsSlowlyAndDoublesEachRound) {
  limit_.emplace(8, 64);
  EXPECT_EQ(limit_->limit(), 8u);
  Good(8);
  EXPECT_EQ(limit_->limit(), 16u);
  Good(1000);
  EXPECT_EQ(limit_->limit(), 64u);
  Trouble(SlowDown("503"));
  EXPECT_EQ(limit_->limit(), 32u);
  Good(31);
  EXPECT_EQ(limit_->limit(), 32u);
  Good(1);
  EXPECT_EQ(limit_->limit(), 33u);
  limit_.emplace(100, 4);
  EXPECT_EQ(limit_->limit(), 4u);
}

TEST_F(AimdLimitTest, HalvesOncePerTroubleAndGrowsByOne) {
  Make(8, 20);
  Trouble(SlowDown("503"), 7);
  EXPECT_EQ(limit_->limit(), 4u);
  for (size_t i = 7; i-- > 0;) Trouble(SlowDown("503"), i);  // were under way already
  EXPECT_EQ(limit_->limit(), 4u);
  Trouble(SlowDown("503"), 3);
  EXPECT_EQ(limit_->limit(), 2u);
  Good(3);  // grace
  Good(AimdLimit::kPatience - 1);
  EXPECT_EQ(limit_->limit(), 2u);
  Good(1);
  EXPECT_EQ(limit_->limit(), 3u);
  Good(1000);
  EXPECT_EQ(limit_->limit(), 20u);
  for (int i = 0; i < 1000; ++i) Trouble(SlowDown("503"));
  EXPECT_EQ(limit_->limit(), 1u);
}

TEST_F(AimdLimitTest, LargeLimitsGrowByOneForEachRound) {
  Make(100, 200);
  Good(99);
  EXPECT_EQ(limit_->limit(), 100u);
  Good(1);
  EXPECT_EQ(limit_->limit(), 101u);
}

TEST_F(AimdLimitTest, BelowOneAtATimeItPauses) {
  Make(1, 4);
  EXPECT_EQ(limit_->pause().count(), 0);
  Trouble(SlowDown("503"));
  EXPECT_EQ(limit_->pause(), AimdLimit::kFirstPause);
  Trouble(SlowDown("503"));
  EXPECT_EQ(limit_->pause(), 2 * AimdLimit::kFirstPause);
  Good(AimdLimit::kPatience);
  EXPECT_EQ(limit_->pause(), AimdLimit::kFirstPause);
  for (int i = 0; i < 100; ++i) Trouble(SlowDown("503"));
  EXPECT_EQ(limit_->pause(), AimdLimit::kLongestPause);
  Good(7 * AimdLimit::kPatience);
  EXPECT_EQ(limit_->pause().count(), 0);
  EXPECT_EQ(limit_->limit(), 1u);
  Good(AimdLimit::kPatience);
  EXPECT_EQ(limit_->limit(), 2u);
}

TEST_F(AimdLimitTest, AStoreThatOnlyQueuesIsNotAskedForMore) {
  Make(8, 64);
  Good(1000, AimdLimit::kQuick + std::chrono::milliseconds(1));
  EXPECT_EQ(limit_->limit(), 8u);
  Good(1, AimdLimit::kSlow + std::chrono::milliseconds(1));
  EXPECT_EQ(limit_->limit(), 4u);
}

TEST_F(AimdLimitTest, OtherErrorsAreNoReasonToSlowDown) {
  Make(8, 64);
  Trouble(absl::UnavailableError("no route"));
  Trouble(absl::NotFoundError("x"));
  EXPECT_EQ(limit_->limit(), 8u);
  Trouble(absl::DeadlineExceededError("no answer in time"));
  EXPECT_EQ(limit_->limit(), 4u);
}

TEST(LimitPolicy, SlowDownIsAMarkOnUnavailable) {
  EXPECT_TRUE(IsSlowDown(SlowDown("x")));
  EXPECT_TRUE(absl::IsUnavailable(SlowDown("x")));
  EXPECT_FALSE(IsSlowDown(absl::UnavailableError("x")));
  EXPECT_FALSE(IsCongestion(absl::UnavailableError("x")));
  EXPECT_TRUE(IsCongestion(SlowDown("x")));
  EXPECT_TRUE(IsCongestion(absl::DeadlineExceededError("x")));
  EXPECT_EQ(FixedLimit(0).limit(), 1u);
}

TEST_F(LimitingStoreTest, NothingIsStartedInAPause) {
  ManualTimer timer;
  const auto limiter = std::make_shared<RequestLimiter>("origin", std::make_unique<AimdLimit>(1, 1),
                                                        LimitOptions{}, Clock::Real(), &timer);
  LimitingStore store(fake_, limiter);
  fake_->Release();
  fake_->FailNext(1, SlowDown("503"));
  for (uint64_t seed = 0; seed < 3; ++seed) Get(store, seed, RequestClass::kRunning);
  EXPECT_EQ(fake_->gets(), 1u);
  timer.Advance(AimdLimit::kFirstPause / 2 - std::chrono::milliseconds(1));
  EXPECT_EQ(fake_->gets(), 1u);
  timer.Advance(std::chrono::seconds(1));  // one at a time, each with its pause
  EXPECT_EQ(fake_->gets(), 3u);
  EXPECT_EQ(answers_.size(), 3u);
}

}  // namespace
}  // namespace floe::store
