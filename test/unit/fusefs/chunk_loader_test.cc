// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/chunk_loader.h"

#include <gtest/gtest.h>

#include "base/timer.h"
#include "test/unit/fusefs/test_image.h"

namespace floe::fusefs {
namespace {

using store::RequestOptions;

class ChunkLoaderTest : public ::testing::Test {
 protected:
  ChunkLoaderTest() { image_.AddTo(store_); }

  RequestOptions Within(int seconds) {
    RequestOptions options;
    options.deadline = timer_.Now() + std::chrono::seconds(seconds);
    return options;
  }
  // The place where the answer will be.
  std::shared_ptr<std::optional<absl::StatusOr<OpenedChunk>>> Load(const store::ChunkRef& ref,
                                                                   RequestOptions options = {}) {
    auto answer = std::make_shared<std::optional<absl::StatusOr<OpenedChunk>>>();
    loader_->Load(ref, source_, options, [answer](absl::StatusOr<OpenedChunk> chunk) {
      ASSERT_FALSE(answer->has_value()) << "answered twice";
      *answer = std::move(chunk);
    });
    return answer;
  }
  const store::ChunkRef& Ref(size_t i = 0) { return image_.sealed[i].ref; }

  TestImage image_ = MakeTestImage({4, 2});
  store::FakeChunkStore store_;
  store::MemoryTier memory_{1 << 20};
  InlineExecutor workers_;
  ManualTimer timer_;
  Metrics metrics_;
  LoaderCounters counters_{&metrics_.GetCounter("fetches", "f"),
                           &metrics_.GetCounter("joined", "j"),
                           &metrics_.GetCounter("failures", "o")};
  std::shared_ptr<ChunkLoader> loader_ =
      std::make_shared<ChunkLoader>(memory_, workers_, timer_, counters_);
  std::shared_ptr<ChunkSource> source_ = std::make_shared<ChunkSource>(store_, 4);
};

TEST_F(ChunkLoaderTest, FetchesOnceAndThenAnswersFromMemory) {
  const auto first = Load(Ref());
  ASSERT_TRUE(first->has_value());
  ASSERT_TRUE((*first)->ok()) << (*first)->status();
  const OpenedChunk opened = ***first;
  EXPECT_TRUE(std::equal(opened->begin(), opened->end(), image_.bytes.begin()));
  EXPECT_EQ(***Load(Ref()), opened);
  EXPECT_EQ(store_.gets(), 1u);
}

TEST_F(ChunkLoaderTest, OneFetchHoweverManyWait) {
  store_.Hold();
  std::vector<std::shared_ptr<std::optional<absl::StatusOr<OpenedChunk>>>> answers;
  for (int i = 0; i < 50; ++i) answers.push_back(Load(Ref(), Within(50)));
  EXPECT_EQ(store_.held(), 1u);
  store_.Release();
  for (const auto& answer : answers) EXPECT_TRUE((*answer)->ok());
  EXPECT_EQ(store_.gets(), 1u);
  EXPECT_EQ(counters_.joined->value(), 49);
  EXPECT_EQ(timer_.pending(), 0u);
}

// The attack that the key of the memory tier prevents: warm ids, made-up keys.
TEST_F(ChunkLoaderTest, RandomKeysOnWarmIdsGiveNothing) {
  ASSERT_TRUE((*Load(Ref()))->ok());
  store::ChunkRef forged = Ref();
  forged.key.fill(0x5a);
  EXPECT_TRUE(absl::IsDataLoss((*Load(forged))->status()));
  EXPECT_EQ(counters_.open_failures->value(), 1);
  EXPECT_TRUE((*Load(Ref()))->ok());
}

TEST_F(ChunkLoaderTest, AForgedFlightIsNotJoined) {
  store_.Hold();
  store::ChunkRef forged = Ref();
  forged.key.fill(0x5a);
  const auto good = Load(Ref());
  const auto bad = Load(forged);
  store_.Release();
  EXPECT_TRUE((*good)->ok());
  EXPECT_TRUE(absl::IsDataLoss((*bad)->status()));
}

TEST_F(ChunkLoaderTest, ErrorsNameTheChunkAndAreNotRemembered) {
  store_.FailNext(1, absl::UnavailableError("gone fishing"));
  const auto failed = Load(Ref());
  EXPECT_TRUE(absl::IsUnavailable((*failed)->status()));
  EXPECT_NE((*failed)->status().message().find(Ref().id.ToHex()), std::string::npos);
  EXPECT_TRUE((*Load(Ref()))->ok());
}

TEST_F(ChunkLoaderTest, AlteredBytesAreRefused) {
  store_.Corrupt(Ref().id);
  EXPECT_TRUE(absl::IsDataLoss((*Load(Ref()))->status()));
  EXPECT_EQ(memory_.bytes(), 0u);
}

TEST_F(ChunkLoaderTest, EachIsAnsweredAtItsOwnDeadline) {
  store_.Hold();
  const auto hasty = Load(Ref(), Within(1));
  const auto patient = Load(Ref(), Within(30));
  timer_.Advance(std::chrono::seconds(2));
  ASSERT_TRUE(hasty->has_value());
  EXPECT_TRUE(absl::IsDeadlineExceeded((*hasty)->status()));
  EXPECT_FALSE(patient->has_value());
  store_.Release();
  EXPECT_TRUE((*patient)->ok());
}

TEST_F(ChunkLoaderTest, WhoJoinedLateIsNotHurtByTheFirstOnesDeadline) {
  store_.Hold();
  const auto first = Load(Ref(), Within(1));
  const auto later = Load(Ref(), Within(30));
  timer_.Advance(std::chrono::seconds(2));
  // The store, too, says that the first one's time is over.
  store_.FailNext(1, absl::DeadlineExceededError("too late"));
  ASSERT_TRUE(store_.ReleaseOne());
  EXPECT_FALSE(later->has_value());
  EXPECT_EQ(store_.held(), 1u);  // asked again, in the later one's time
  EXPECT_GT(store_.last_options().deadline, timer_.Now());
  store_.Release();
  EXPECT_TRUE((*later)->ok());
}

TEST_F(ChunkLoaderTest, ASourceHasOnlySoManyFetchesUnderWay) {
  TestImage many = MakeTestImage({1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 3);
  many.AddTo(store_);
  store_.Hold();
  std::vector<std::shared_ptr<std::optional<absl::StatusOr<OpenedChunk>>>> answers;
  for (const auto& chunk : many.sealed) answers.push_back(Load(chunk.ref));
  EXPECT_EQ(store_.held(), 4u);
  // Another image has places of its own.
  auto other = std::make_shared<ChunkSource>(store_, 4);
  bool arrived = false;
  loader_->Load(Ref(), other, {},
                [&arrived](absl::StatusOr<OpenedChunk> chunk) { arrived = chunk.ok(); });
  EXPECT_EQ(store_.held(), 5u);
  while (store_.ReleaseOne()) {
  }
  for (const auto& answer : answers) EXPECT_TRUE((*answer)->ok());
  EXPECT_TRUE(arrived);
}

TEST_F(ChunkLoaderTest, AReaderWhoJoinsRaisesAFetchUnderWay) {
  store_.Hold();
  RequestOptions prefetch;
  prefetch.request_class = store::RequestClass::kPrefetch;
  const auto ahead = Load(Ref(), prefetch);
  EXPECT_EQ(store_.held_classes(), std::vector{store::RequestClass::kPrefetch});
  const auto reader = Load(Ref());
  EXPECT_EQ(store_.held_classes(), std::vector{store::RequestClass::kRunning});
  EXPECT_EQ(store_.held(), 1u);
  store_.Release();
  EXPECT_TRUE((*ahead)->ok());
  EXPECT_TRUE((*reader)->ok());
}

// The image has one place, which is taken; of what waits for it the most urgent goes first.
TEST_F(ChunkLoaderTest, APlaceGoesToTheMostUrgentAlsoToOneThatRose) {
  TestImage many = MakeTestImage({1, 1, 1, 1}, 3);
  many.AddTo(store_);
  source_ = std::make_shared<ChunkSource>(store_, 1);
  store_.Hold();
  const auto load = [&](size_t i, store::RequestClass request_class) {
    RequestOptions options;
    options.request_class = request_class;
    return Load(many.sealed[i].ref, options);
  };
  const auto first = load(0, store::RequestClass::kRunning);
  const auto scan = load(1, store::RequestClass::kBackground);
  const auto start = load(2, store::RequestClass::kStart);
  const auto ahead = load(3, store::RequestClass::kPrefetch);
  const auto joined = load(3, store::RequestClass::kRunning);
  EXPECT_EQ(store_.held(), 1u);
  EXPECT_TRUE(store_.ReleaseOne());
  EXPECT_FALSE(joined->has_value());
  EXPECT_TRUE(store_.ReleaseOne());
  EXPECT_TRUE(joined->has_value() && ahead->has_value());
  EXPECT_FALSE(start->has_value());
  EXPECT_TRUE(store_.ReleaseOne());
  EXPECT_TRUE(start->has_value());
  EXPECT_FALSE(scan->has_value());
  store_.Release();
  EXPECT_TRUE(scan->has_value() && first->has_value());
}

TEST_F(ChunkLoaderTest, WhatIsNotOpenedYetKeepsItsPlace) {
  ManualExecutor slow;
  const auto loader = std::make_shared<ChunkLoader>(memory_, slow, timer_);
  const auto source = std::make_shared<ChunkSource>(store_, 1);
  int answered = 0;
  for (size_t i = 0; i < 2; ++i) {
    loader->Load(Ref(i), source, {}, [&](const auto& chunk) { answered += chunk.ok() ? 1 : 0; });
  }
  EXPECT_EQ(store_.gets(), 1u);  // its bytes wait for the workers
  EXPECT_TRUE(slow.RunOne());
  EXPECT_EQ(answered, 1);
  EXPECT_EQ(store_.gets(), 2u);
  slow.RunAll();
  EXPECT_EQ(answered, 2);
}

TEST_F(ChunkLoaderTest, FetchesThatFailAtOnceDoNotNest) {
  ChunkSource source(store_, 1);
  int run = 0;
  const auto running = std::make_shared<store::Urgency>(store::RequestClass::kRunning);
  source.Enter(running, [] {});  // takes the place
  for (int i = 0; i < 200000; ++i) {
    source.Enter(running, [&] {
      ++run;
      source.Leave();
    });
  }
  source.Leave();
  EXPECT_EQ(run, 200000);
}

TEST(ChunkLoaderThreadsTest, ManyReadersOfManyChunks) {
  const TestImage image = MakeTestImage({1, 2, 3, 4, 1, 2, 3, 4});
  store::FakeChunkStore store;
  image.AddTo(store);
  store::MemoryTier memory(32 << 10);
  ThreadTimer timer("timer");
  ThreadPool workers("open", 3);
  const auto loader = std::make_shared<ChunkLoader>(memory, workers, timer);
  const auto source = std::make_shared<ChunkSource>(store, 2);
  std::atomic<int> good{0};
  std::atomic<int> left{4 * 200};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 200; ++i) {
        RequestOptions options;
        options.deadline = timer.Now() + std::chrono::minutes(5);
        const auto& chunk = image.sealed[(i * 5 + static_cast<size_t>(t)) % image.sealed.size()];
        loader->Load(chunk.ref, source, options, [&](const absl::StatusOr<OpenedChunk>& opened) {
          if (opened.ok()) ++good;
          --left;
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  while (left > 0) std::this_thread::yield();
  EXPECT_EQ(good, 4 * 200);
}

}  // namespace
}  // namespace floe::fusefs
