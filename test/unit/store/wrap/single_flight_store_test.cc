// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/single_flight_store.h"

#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

using std::chrono::seconds;

struct SingleFlightSubject {
  static constexpr bool kListsEverything = true;
  ThreadTimer timer{"test-flight"};
  std::shared_ptr<ChunkStore> Make() {
    return std::make_shared<SingleFlightStore>(std::make_shared<FakeChunkStore>(), timer);
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(SingleFlight, ChunkStoreContract, SingleFlightSubject);

class SingleFlightStoreTest : public testing::Test {
 protected:
  SingleFlightStoreTest() {
    fake_->Add(FakeSealedChunk(1));
    fake_->Add(FakeSealedChunk(2));
    fake_->Hold();
  }

  void Get(uint64_t seed, RequestClass request_class = RequestClass::kRunning,
           SteadyTime deadline = kNoDeadline) {
    RequestOptions options;
    options.request_class = request_class;
    options.deadline = deadline;
    store_.Get(FakeSealedChunk(seed).id(), options,
               [this](auto result) { answers_.push_back(result.status()); });
  }

  ManualTimer timer_;
  Metrics metrics_;
  Counter& shared_ = metrics_.GetCounter("floe_test_shared_total", "test");
  std::shared_ptr<FakeChunkStore> fake_ = std::make_shared<FakeChunkStore>();
  SingleFlightStore store_{fake_, timer_, &shared_};
  std::vector<absl::Status> answers_;
};

TEST_F(SingleFlightStoreTest, FetchesOnceForAllWhoWait) {
  for (int i = 0; i < 5; ++i) Get(1);
  Get(2);
  EXPECT_EQ(fake_->gets(), 2u);
  fake_->Release();
  EXPECT_EQ(answers_.size(), 6u);
  for (const absl::Status& status : answers_) EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(shared_.value(), 4);
}

TEST_F(SingleFlightStoreTest, FetchesAgainAfterTheAnswer) {
  Get(1);
  fake_->Release();
  Get(1);
  EXPECT_EQ(fake_->gets(), 2u);
  EXPECT_EQ(answers_.size(), 2u);
}

TEST_F(SingleFlightStoreTest, AnErrorIsEverybodysAndForgotten) {
  fake_->FailNext(1, absl::UnavailableError("down"));
  Get(1);
  Get(1);
  fake_->Release();
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_TRUE(absl::IsUnavailable(answers_[0]));
  EXPECT_TRUE(absl::IsUnavailable(answers_[1]));
  Get(1);
  EXPECT_TRUE(answers_.back().ok());
}

TEST_F(SingleFlightStoreTest, AMoreUrgentReaderRaisesTheFetch) {
  Get(1, RequestClass::kPrefetch);
  EXPECT_EQ(fake_->held_classes(), std::vector<RequestClass>{RequestClass::kPrefetch});
  Get(1, RequestClass::kRunning);
  EXPECT_EQ(fake_->held_classes(), std::vector<RequestClass>{RequestClass::kRunning});
  Get(1, RequestClass::kBackground);
  EXPECT_EQ(fake_->held_classes(), std::vector<RequestClass>{RequestClass::kRunning});
  fake_->Release();
}

TEST_F(SingleFlightStoreTest, AReaderThatRisesLaterRaisesTheFetchOfAnother) {
  Get(1, RequestClass::kBackground);
  RequestOptions rising;
  rising.request_class = RequestClass::kPrefetch;
  rising.urgency = std::make_shared<Urgency>(RequestClass::kPrefetch);
  store_.Get(FakeSealedChunk(1).id(), rising, [](auto) {});
  const auto fetched_as = [&] { return fake_->last_options().urgency->request_class(); };
  EXPECT_EQ(fetched_as(), RequestClass::kPrefetch);
  rising.urgency->Raise(RequestClass::kRunning);
  EXPECT_EQ(fetched_as(), RequestClass::kRunning);
  fake_->Release();
  rising.urgency->Raise(RequestClass::kRunning);  // nobody is there any more
}

TEST_F(SingleFlightStoreTest, EachIsAnsweredAtItsOwnDeadline) {
  Get(1, RequestClass::kRunning, timer_.Now() + seconds(1));
  Get(1, RequestClass::kRunning, timer_.Now() + seconds(5));
  Get(1);
  timer_.Advance(seconds(2));
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_TRUE(absl::IsDeadlineExceeded(answers_[0]));
  fake_->Release();
  ASSERT_EQ(answers_.size(), 3u);
  EXPECT_TRUE(answers_[1].ok());
  EXPECT_TRUE(answers_[2].ok());
  EXPECT_EQ(timer_.pending(), 0u);
}

TEST_F(SingleFlightStoreTest, AFetchThatNobodyWaitsForIsCancelledAndNotJoined) {
  Get(1, RequestClass::kRunning, timer_.Now() + seconds(1));
  const CancelToken first = fake_->last_options().cancel;
  EXPECT_FALSE(first.cancelled());
  timer_.Advance(seconds(1));
  EXPECT_TRUE(first.cancelled());
  Get(1);
  EXPECT_EQ(fake_->gets(), 2u);
  fake_->Release();
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_TRUE(answers_[1].ok());
}

TEST_F(SingleFlightStoreTest, AReaderMayAskAgainFromItsAnswer) {
  bool again = false;
  store_.Get(FakeSealedChunk(1).id(), {}, [&](auto) {
    store_.Get(FakeSealedChunk(1).id(), {}, [&](auto result) { again = result.ok(); });
  });
  fake_->Release();
  EXPECT_TRUE(again);
}

}  // namespace
}  // namespace floe::store
