// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/verifying_store.h"

#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

struct VerifyingSubject {
  static constexpr bool kListsEverything = true;
  ThreadPool workers{"test-verify", 2};
  std::shared_ptr<ChunkStore> Make() {
    return std::make_shared<VerifyingStore>(std::make_shared<FakeChunkStore>(), workers);
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Verifying, ChunkStoreContract, VerifyingSubject);

class VerifyingStoreTest : public testing::Test {
 protected:
  Metrics metrics_;
  Counter& mismatches_ = metrics_.GetCounter("floe_test_mismatches_total", "test");
  ManualExecutor workers_;
  std::shared_ptr<FakeChunkStore> fake_ = std::make_shared<FakeChunkStore>();
  VerifyingStore store_{fake_, workers_, &mismatches_};
};

TEST_F(VerifyingStoreTest, AnswersCheckedBytesFromTheWorkers) {
  fake_->Add(FakeSealedChunk(1));
  bool answered = false;
  store_.Get(FakeSealedChunk(1).id(), {}, [&](absl::StatusOr<FetchedChunk> result) {
    answered = true;
    ASSERT_TRUE(result.ok());
    EXPECT_TRUE(std::holds_alternative<VerifiedSealed>(*result));
  });
  EXPECT_FALSE(answered);
  workers_.RunAll();
  EXPECT_TRUE(answered);
  EXPECT_EQ(mismatches_.value(), 0);
}

TEST_F(VerifyingStoreTest, RefusesAndCountsWhatDoesNotHashToTheId) {
  fake_->Add(FakeSealedChunk(1));
  fake_->Corrupt(FakeSealedChunk(1).id());
  absl::Status status;
  store_.Get(FakeSealedChunk(1).id(), {}, [&](auto result) { status = result.status(); });
  workers_.RunAll();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(testing::HasSubstr("fake"),
                             testing::HasSubstr(FakeSealedChunk(1).id().ToHex())));
  EXPECT_EQ(mismatches_.value(), 1);
}

TEST_F(VerifyingStoreTest, PassesErrorsOnWithoutTheWorkers) {
  absl::Status status;
  store_.Get(FakeSealedChunk(1).id(), {}, [&](auto result) { status = result.status(); });
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_FALSE(workers_.RunOne());
}

}  // namespace
}  // namespace floe::store
