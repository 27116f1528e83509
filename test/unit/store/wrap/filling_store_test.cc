// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/filling_store.h"

#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

struct FillingSubject {
  static constexpr bool kListsEverything = true;
  ThreadPool workers{"test-fill", 2};
  std::shared_ptr<ChunkStore> Make() {
    return std::make_shared<FillingStore>(std::make_shared<FakeChunkStore>(),
                                          std::make_shared<FakeChunkStore>(), workers);
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Filling, ChunkStoreContract, FillingSubject);

class FillingStoreTest : public testing::Test {
 protected:
  FillingStoreTest() { inner_->Add(chunk_); }
  absl::Status Get(const FillPolicy& policy, const RequestOptions& options = {}) {
    FillingStore store(inner_, target_, inline_, policy);
    return GetBlocking(store, chunk_.id(), options).status();
  }

  const VerifiedSealed chunk_ = FakeSealedChunk(1, 5000);
  InlineExecutor inline_;
  std::shared_ptr<FakeChunkStore> inner_ = std::make_shared<FakeChunkStore>();
  std::shared_ptr<FakeChunkStore> target_ = std::make_shared<FakeChunkStore>();
};

TEST_F(FillingStoreTest, PutsWhatItHandsOut) {
  EXPECT_TRUE(Get({}).ok());
  EXPECT_EQ(target_->size(), 1u);
  EXPECT_EQ(target_->last_options().request_class, RequestClass::kBackground);
}

TEST_F(FillingStoreTest, NeverMeansNever) {
  FillPolicy never;
  never.fill = false;
  EXPECT_TRUE(Get(never).ok());
  EXPECT_EQ(target_->puts(), 0u);
}

TEST_F(FillingStoreTest, ClassesBelowTheLeastUrgentDoNotFill) {
  FillPolicy starts;
  starts.least_urgent = RequestClass::kStart;
  RequestOptions options;
  for (const RequestClass below : {RequestClass::kPrefetch, RequestClass::kBackground}) {
    options.request_class = below;
    EXPECT_TRUE(Get(starts, options).ok());
  }
  EXPECT_EQ(target_->puts(), 0u);
  options.urgency = std::make_shared<Urgency>(RequestClass::kBackground);
  options.urgency->Raise(RequestClass::kRunning);  // somebody waits for it by now
  EXPECT_TRUE(Get(starts, options).ok());
  EXPECT_EQ(target_->puts(), 1u);
}

TEST_F(FillingStoreTest, WrongBytesFillNothing) {
  inner_->Corrupt(chunk_.id());
  EXPECT_TRUE(absl::IsDataLoss(Get({})));
  EXPECT_EQ(target_->puts(), 0u);
}

TEST_F(FillingStoreTest, ARefusalHindersNobody) {
  target_->FailNext(1, absl::ResourceExhaustedError("full"));
  EXPECT_TRUE(Get({}).ok());
}

TEST_F(FillingStoreTest, GoesAfterItsFills) {
  target_->Hold();
  auto store = std::make_unique<FillingStore>(inner_, target_, inline_);
  bool answered = false;
  store->Get(chunk_.id(), {}, [&](auto result) { answered = result.ok(); });
  EXPECT_TRUE(answered);  // a slow tier does not hold up the reader
  std::thread going([&] { store.reset(); });
  target_->Release();
  going.join();
  EXPECT_EQ(target_->size(), 1u);
}

}  // namespace
}  // namespace floe::store
