// SPDX-License-Identifier: Apache-2.0
// All wrappers on top of one another over a store that fails at random: every request is answered
// once, with the right bytes or an error, whatever the threads do.
#include <map>
#include <random>
#include <thread>

#include "store/wrap/deadline_store.h"
#include "store/wrap/limiting_store.h"
#include "store/wrap/metered_store.h"
#include "store/wrap/retry_store.h"
#include "store/wrap/single_flight_store.h"
#include "store/wrap/verifying_store.h"
#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

// Answers on threads of its own; each `one_in`th request fails, is late for ever until released, or
// brings wrong bytes.
class MoodyStore : public ForwardingStore {
 public:
  MoodyStore(std::shared_ptr<FakeChunkStore> fake, uint64_t seed, int one_in)
      : ForwardingStore(fake), random_(seed), one_in_(one_in) {}
  ~MoodyStore() override { calls_.WaitUntilNone(); }

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override {
    calls_.Begin();
    pool_.Run([this, id, options, done = std::move(done), mood = Mood()] {
      if (mood == 0) {
        done(absl::UnavailableError("moody"));
      } else if (mood == 1) {
        done(FetchedChunk(std::make_shared<Bytes>(3, 9)));
      } else {
        inner().Get(id, options, done);
      }
      calls_.End();
    });
  }

 private:
  int Mood() {
    MutexLock lock(mutex_);
    return one_in_ == 0 ? 99 : std::uniform_int_distribution<int>(0, one_in_)(random_);
  }

  Mutex mutex_;
  std::mt19937_64 random_ FLOE_GUARDED_BY(mutex_);
  const int one_in_;
  ThreadPool pool_{"test-moody", 3};
};

// The parts in the order of doc/store.md.
struct Stack {
  explicit Stack(std::shared_ptr<ChunkStore> origin, size_t limit = 8) {
    RetryOptions retry;
    retry.base = std::chrono::milliseconds(1);
    retry.budget = 1;
    retry.budget_burst = 1e6;
    retry.attempts = 12;
    auto metered = std::make_shared<MeteredStore>(std::move(origin), metrics, "origin");
    auto deadline = std::make_shared<DeadlineStore>(metered, timer, std::chrono::hours(1));
    auto limited = std::make_shared<LimitingStore>(deadline, std::make_unique<AimdLimit>(4, limit));
    auto retried = std::make_shared<RetryStore>(limited, timer, retry, 1);
    auto verified = std::make_shared<VerifyingStore>(retried, workers);
    top = std::make_shared<SingleFlightStore>(verified, timer);
  }

  Metrics metrics;
  ThreadTimer timer{"test-stack"};
  ThreadPool workers{"test-stack", 2};
  std::shared_ptr<ChunkStore> top;  // goes first
};

struct StackSubject {
  static constexpr bool kListsEverything = true;
  Stack stack{std::make_shared<FakeChunkStore>()};
  std::shared_ptr<ChunkStore> Make() { return std::move(stack.top); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Stack, ChunkStoreContract, StackSubject);

constexpr uint64_t kChunks = 40;

std::shared_ptr<FakeChunkStore> Filled() {
  auto fake = std::make_shared<FakeChunkStore>();
  for (uint64_t seed = 0; seed < kChunks; ++seed) fake->Add(FakeSealedChunk(seed, 300));
  return fake;
}

TEST(WrapperStack, AnswersEveryReaderOnceWithTheRightBytes) {
  Stack stack(std::make_shared<MoodyStore>(Filled(), 11, 10));
  std::atomic<int> right{0};
  std::atomic<int> wrong_bytes_seen{0};
  std::vector<std::thread> readers;
  for (uint64_t reader = 0; reader < 4; ++reader) {
    readers.emplace_back([&, reader] {
      std::mt19937_64 random(reader);
      for (int i = 0; i < 200; ++i) {
        const VerifiedSealed expected = FakeSealedChunk(random() % kChunks, 300);
        RequestOptions options;
        options.request_class = static_cast<RequestClass>(random() % kRequestClasses);
        auto got = GetBlocking(*stack.top, expected.id(), options);
        if (!got.ok()) {
          // Wrong bytes are told, never handed out; nothing else is left after the retries.
          ASSERT_TRUE(absl::IsDataLoss(got.status())) << got.status();
          ++wrong_bytes_seen;
          continue;
        }
        ASSERT_TRUE(std::equal(got->bytes().begin(), got->bytes().end(), expected.bytes().begin(),
                               expected.bytes().end()));
        ++right;
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(right + wrong_bytes_seen, 800);
  EXPECT_GT(right, 400);
}

TEST(WrapperStack, GoesAfterItsLastAnswer) {
  const auto answers = std::make_shared<std::atomic<int>>(0);
  for (uint64_t round = 0; round < 20; ++round) {
    Stack stack(std::make_shared<MoodyStore>(Filled(), round, 4));
    for (uint64_t i = 0; i < 50; ++i) {
      RequestOptions options;
      options.request_class = static_cast<RequestClass>(i % kRequestClasses);
      stack.top->Get(FakeSealedChunk(i % 7, 300).id(), options,
                     [answers](absl::StatusOr<FetchedChunk>) { ++*answers; });
    }
  }
  EXPECT_EQ(*answers, 20 * 50);
}

TEST(WrapperStack, AStoreThatIsDownIsAnErrorAfterTheRetriesAndHealsByItself) {
  auto fake = Filled();
  Stack stack(fake);
  fake->FailNext(12, absl::UnavailableError("down"));
  EXPECT_TRUE(absl::IsUnavailable(GetBlocking(*stack.top, FakeSealedChunk(1, 300).id()).status()));
  EXPECT_EQ(fake->gets(), 12u);
  EXPECT_TRUE(GetBlocking(*stack.top, FakeSealedChunk(1, 300).id()).ok());
}

TEST(WrapperStack, ReadersOfOneChunkCostOneFetch) {
  auto fake = Filled();
  Stack stack(fake);
  fake->Hold();
  std::atomic<int> answered{0};
  for (int i = 0; i < 100; ++i) {
    stack.top->Get(FakeSealedChunk(3, 300).id(), {}, [&](auto result) {
      EXPECT_TRUE(result.ok());
      ++answered;
    });
  }
  EXPECT_EQ(fake->gets(), 1u);
  fake->Release();
  stack.top.reset();
  EXPECT_EQ(answered, 100);
}

TEST(WrapperStack, AnAbsentChunkIsNotAskedForAgain) {
  auto fake = Filled();
  Stack stack(fake);
  EXPECT_TRUE(absl::IsNotFound(GetBlocking(*stack.top, FakeSealedChunk(999).id()).status()));
  EXPECT_EQ(fake->gets(), 1u);
}

TEST(Urgency, RisesOnlyAndTellsEachListenerOnce) {
  Urgency urgency(RequestClass::kPrefetch);
  int first = 0, second = 0;
  urgency.Listen(&first, [&] { ++first; });
  urgency.Listen(&second, [&] { second += 10; });
  urgency.Listen(&second, [&] { ++second; });  // takes the place of the one before
  urgency.Raise(RequestClass::kBackground);
  urgency.Raise(RequestClass::kPrefetch);
  EXPECT_EQ(first + second, 0);
  urgency.Raise(RequestClass::kStart);
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
  EXPECT_EQ(urgency.request_class(), RequestClass::kStart);
}

TEST(OutstandingCalls, WaitsForTheLastEnd) {
  OutstandingCalls calls;
  calls.WaitUntilNone();
  calls.Begin();
  calls.Begin();
  std::atomic<bool> both{false};
  std::thread other([&] {
    calls.End();
    both = true;
    calls.End();
  });
  calls.WaitUntilNone();
  EXPECT_TRUE(both);
  other.join();
}

TEST(Verified, AcceptsCheckedBytesOfThatIdOnly) {
  const VerifiedSealed chunk = FakeSealedChunk(1);
  EXPECT_TRUE(Verified(chunk.id(), FetchedChunk(chunk)).ok());
  EXPECT_TRUE(Verified(chunk.id(), FetchedChunk(chunk.shared())).ok());
  EXPECT_EQ(Verified(FakeSealedChunk(2).id(), FetchedChunk(chunk)).status().code(),
            absl::StatusCode::kInternal);
  EXPECT_TRUE(
      absl::IsDataLoss(Verified(FakeSealedChunk(2).id(), FetchedChunk(chunk.shared())).status()));
}

}  // namespace
}  // namespace floe::store
