// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/deadline_store.h"

#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

using std::chrono::seconds;

struct DeadlineSubject {
  static constexpr bool kListsEverything = true;
  ThreadTimer timer{"test-deadline"};
  std::shared_ptr<ChunkStore> Make() {
    return std::make_shared<DeadlineStore>(std::make_shared<FakeChunkStore>(), timer,
                                           std::chrono::hours(1));
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Deadline, ChunkStoreContract, DeadlineSubject);

class DeadlineStoreTest : public testing::Test {
 protected:
  DeadlineStoreTest() { fake_->Add(FakeSealedChunk(1)); }

  void Get(const RequestOptions& options = {}) {
    store_.Get(FakeSealedChunk(1).id(), options, [this](auto result) {
      ++answers_;
      status_ = result.status();
    });
  }

  ManualTimer timer_;
  std::shared_ptr<FakeChunkStore> fake_ = std::make_shared<FakeChunkStore>();
  DeadlineStore store_{fake_, timer_, seconds(10)};
  int answers_ = 0;
  absl::Status status_;
};

TEST_F(DeadlineStoreTest, AnAnswerInTimeTakesTheTimerAway) {
  Get();
  EXPECT_EQ(answers_, 1);
  EXPECT_TRUE(status_.ok());
  EXPECT_EQ(timer_.pending(), 0u);
}

TEST_F(DeadlineStoreTest, AHangingStoreIsAnsweredForAndItsLateAnswerDropped) {
  fake_->Hold();
  Get();
  timer_.Advance(seconds(9));
  EXPECT_EQ(answers_, 0);
  timer_.Advance(seconds(1));
  EXPECT_EQ(answers_, 1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(status_));
  fake_->Release();
  EXPECT_EQ(answers_, 1);
}

TEST_F(DeadlineStoreTest, TheCallersOwnDeadlineComesFirst) {
  fake_->Hold();
  RequestOptions options;
  options.deadline = timer_.Now() + seconds(2);
  Get(options);
  timer_.Advance(seconds(2));
  EXPECT_TRUE(absl::IsDeadlineExceeded(status_));
  EXPECT_EQ(fake_->last_options().deadline, options.deadline);
  fake_->Release();
}

TEST_F(DeadlineStoreTest, PutsAreAnsweredInTimeToo) {
  fake_->Hold();
  store_.Put(FakeSealedChunk(2), {}, [this](auto result) { status_ = result.status(); });
  timer_.Advance(seconds(10));
  EXPECT_TRUE(absl::IsDeadlineExceeded(status_));
  fake_->Release();
}

}  // namespace
}  // namespace floe::store
