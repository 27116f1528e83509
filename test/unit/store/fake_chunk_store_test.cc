// SPDX-License-Identifier: Apache-2.0
// The fake is what other tests believe in, so it is tested itself.
#include "test/fake/fake_chunk_store.h"

#include "gtest/gtest.h"
#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

struct FakeSubject {
  static constexpr bool kListsEverything = true;
  std::shared_ptr<ChunkStore> Make() { return std::make_shared<FakeChunkStore>(); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Fake, ChunkStoreContract, FakeSubject);

TEST(FakeChunkStore, HoldsAndReleasesInOrder) {
  FakeChunkStore store;
  store.Add(FakeSealedChunk(1));
  store.Hold();
  std::vector<int> order;
  RequestOptions prefetch;
  prefetch.request_class = RequestClass::kPrefetch;
  store.Get(FakeSealedChunk(1).id(), {}, [&](auto result) {
    EXPECT_TRUE(result.ok());
    order.push_back(1);
  });
  store.Put(FakeSealedChunk(2), prefetch, [&](auto result) {
    EXPECT_TRUE(result.ok());
    order.push_back(2);
  });
  EXPECT_EQ(store.held(), 2u);
  EXPECT_EQ(store.held_classes(),
            (std::vector<RequestClass>{RequestClass::kRunning, RequestClass::kPrefetch}));
  EXPECT_TRUE(order.empty());
  EXPECT_TRUE(store.ReleaseOne());
  EXPECT_EQ(order, std::vector<int>{1});
  store.Release();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_FALSE(store.ReleaseOne());
  EXPECT_EQ(store.size(), 2u);
}

TEST(FakeChunkStore, FailsAsOftenAsTold) {
  FakeChunkStore store;
  store.Add(FakeSealedChunk(1));
  store.FailNext(2, absl::UnavailableError("down"));
  EXPECT_TRUE(absl::IsUnavailable(GetBlocking(store, FakeSealedChunk(1).id()).status()));
  EXPECT_TRUE(absl::IsUnavailable(PutBlocking(store, FakeSealedChunk(2)).status()));
  EXPECT_TRUE(GetBlocking(store, FakeSealedChunk(1).id()).ok());
  store.FailSync(absl::DataLossError("disk"));
  EXPECT_TRUE(absl::IsDataLoss(store.Sync()));
  EXPECT_EQ(store.syncs(), 1u);
}

TEST(FakeChunkStore, CorruptsCountsAndRemoves) {
  FakeChunkStore store;
  const VerifiedSealed chunk = FakeSealedChunk(1);
  store.Add(chunk);
  store.Corrupt(chunk.id());
  EXPECT_TRUE(absl::IsDataLoss(GetBlocking(store, chunk.id()).status()));
  store.Remove(chunk.id());
  EXPECT_TRUE(absl::IsNotFound(GetBlocking(store, chunk.id()).status()));
  EXPECT_EQ(store.gets_of(chunk.id()), 2u);
  EXPECT_EQ(store.gets(), 2u);
  EXPECT_EQ(store.puts(), 0u);
}

TEST(FakeChunkStore, AnswersWhatIsHeldWhenItGoes) {
  absl::Status status;
  {
    FakeChunkStore store;
    store.Hold();
    store.Get(FakeSealedChunk(1).id(), {}, [&](auto result) { status = result.status(); });
  }
  EXPECT_TRUE(absl::IsUnavailable(status));
}

TEST(FakeChunkStore, ChunksOfOtherSeedsDiffer) {
  EXPECT_NE(FakeSealedChunk(1).id(), FakeSealedChunk(2).id());
  EXPECT_EQ(FakeSealedChunk(1).id(), FakeSealedChunk(1).id());
  EXPECT_EQ(FakeSealedChunk(1, 5000).bytes().size(), 5000u);
}

}  // namespace
}  // namespace floe::store
