// SPDX-License-Identifier: Apache-2.0
#include "store/tier/tiered_store.h"

#include <gtest/gtest.h>

#include "test/contract/chunk_store_contract.h"
#include "test/fake/fake_chunk_store.h"

namespace floe::store {
namespace {

struct TieredSubject {
  std::shared_ptr<ChunkStore> Make() {
    return std::make_shared<TieredStore>(std::make_shared<FakeChunkStore>(),
                                         std::make_shared<FakeChunkStore>(), workers);
  }
  static constexpr bool kListsEverything = true;
  ThreadPool workers{"workers", 2};
};
INSTANTIATE_TYPED_TEST_SUITE_P(TieredStore, ChunkStoreContract, TieredSubject);

class TieredStoreTest : public ::testing::Test {
 protected:
  std::shared_ptr<FakeChunkStore> near_ = std::make_shared<FakeChunkStore>();
  std::shared_ptr<FakeChunkStore> far_ = std::make_shared<FakeChunkStore>();
  InlineExecutor inline_;
  TieredStore store_{near_, far_, inline_};
  const VerifiedSealed chunk_ = FakeSealedChunk(1, 5000);
};

TEST_F(TieredStoreTest, FillsTheNearTierOnTheWayBack) {
  far_->Add(chunk_);
  ASSERT_TRUE(GetBlocking(store_, chunk_.id()).ok());
  EXPECT_EQ(near_->size(), 1u);
  ASSERT_TRUE(GetBlocking(store_, chunk_.id()).ok());
  EXPECT_EQ(far_->gets(), 1u);
}

TEST_F(TieredStoreTest, WhateverTheNearTierAnswersTheFarOneIsAsked) {
  far_->Add(chunk_);
  for (const absl::Status& trouble :
       {absl::DataLossError("x"), absl::UnavailableError("x"), absl::PermissionDeniedError("x")}) {
    near_->FailNext(1, trouble);
    EXPECT_TRUE(GetBlocking(store_, chunk_.id()).ok()) << trouble;
  }
}

TEST_F(TieredStoreTest, WhatTheFarTierGivesIsChecked) {
  far_->Add(chunk_);
  far_->Corrupt(chunk_.id());
  EXPECT_TRUE(absl::IsDataLoss(GetBlocking(store_, chunk_.id()).status()));
  EXPECT_EQ(near_->size(), 0u);
}

TEST_F(TieredStoreTest, ANearTierThatRefusesHindersNobody) {
  far_->Add(chunk_);
  near_->FailNext(2, absl::ResourceExhaustedError("full"));  // the get and the put
  EXPECT_TRUE(GetBlocking(store_, chunk_.id()).ok());
  EXPECT_EQ(near_->size(), 0u);
}

TEST_F(TieredStoreTest, TheFarTiersErrorIsTheAnswer) {
  EXPECT_TRUE(absl::IsNotFound(GetBlocking(store_, chunk_.id()).status()));
  far_->FailNext(1, absl::UnavailableError("gone"));
  EXPECT_TRUE(absl::IsUnavailable(GetBlocking(store_, chunk_.id()).status()));
}

}  // namespace
}  // namespace floe::store
