// SPDX-License-Identifier: Apache-2.0
// What a node does for servers that are new or came back empty, before anybody reads.
#include "test/unit/cache/cache_fixture.h"

namespace floe::cache {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using store::FakeSealedChunk;

constexpr uint64_t kChunks = 100;

class SyncTest : public CacheFixture {
 protected:
  void FillAndRead(size_t servers, const CacheOptions& options = {}) {
    Make(servers, options);
    for (uint64_t seed = 0; seed < kChunks; ++seed) {
      ASSERT_TRUE(Put(FakeSealedChunk(seed)).ok());
      ASSERT_TRUE(Get(FakeSealedChunk(seed)).ok());
    }
    ASSERT_EQ(ShardsHeld(), 5 * kChunks);
  }
  // Another, empty, process under the name of server `i`.
  void Replace(size_t i) {
    fakes_[i] = std::make_shared<FakeShardServer>(fakes_[i]->Name(), timer_);
    cache_->SetServers(List());
  }
  double Synced() { return Count("floe_cache_synced_total"); }
};

TEST_F(SyncTest, IsWhatNodesDoUnlessToldOtherwise) {
  EXPECT_EQ(CacheOptions{}.repair.replacement, Replacement::kDeltaSynced);
}

TEST_F(SyncTest, AReplacedServerGetsItsShardsBackWithoutAReader) {
  FillAndRead(5);
  Replace(2);
  EXPECT_EQ(fakes_[2]->shards(), 0u);
  timer_.Advance(seconds(10));
  EXPECT_EQ(fakes_[2]->shards(), kChunks);
  EXPECT_EQ(Synced(), kChunks);
  timer_.Advance(seconds(10));
  EXPECT_EQ(Synced(), kChunks) << "once is enough";
}

TEST_F(SyncTest, WhatANodeOnlyFilledIsRememberedToo) {
  Make(5);
  for (uint64_t seed = 0; seed < kChunks; ++seed) ASSERT_TRUE(Put(FakeSealedChunk(seed)).ok());
  Replace(2);
  timer_.Advance(seconds(10));
  EXPECT_EQ(fakes_[2]->shards(), kChunks);
}

TEST_F(SyncTest, EveryServerMayBeReplacedOneAfterTheOtherAndNothingIsLost) {
  FillAndRead(6);
  for (size_t i = 0; i < fakes_.size(); ++i) {
    Replace(i);
    timer_.Advance(seconds(10));
  }
  EXPECT_EQ(ShardsHeld(), 5 * kChunks);
  for (uint64_t seed = 0; seed < kChunks; ++seed) EXPECT_TRUE(Get(FakeSealedChunk(seed)).ok());
}

TEST_F(SyncTest, AServerThatComesBackEmptyIsNoticedByItsBreaker) {
  FillAndRead(5);
  fakes_[1]->SetDown(true);
  for (uint64_t seed = 0; seed < 10; ++seed) EXPECT_TRUE(Get(FakeSealedChunk(seed)).ok());
  fakes_[1]->Flush();
  fakes_[1]->SetDown(false);
  // The breaker tries it again with a request; the rest comes by itself.
  for (int i = 0; i < 100 && Synced() == 0; ++i) {
    timer_.Advance(milliseconds(100));
    EXPECT_TRUE(Get(FakeSealedChunk(0)).ok());
  }
  timer_.Advance(seconds(10));
  EXPECT_EQ(fakes_[1]->shards(), kChunks);
}

TEST_F(SyncTest, WithTheOtherPoliciesReadersDoTheWorkOrNobody) {
  CacheOptions options;
  options.repair.replacement = Replacement::kWarmed;
  FillAndRead(5, options);
  Replace(3);
  timer_.Advance(seconds(10));
  EXPECT_EQ(fakes_[3]->shards(), 0u);
  EXPECT_TRUE(Get(FakeSealedChunk(7)).ok());
  EXPECT_EQ(fakes_[3]->shards(), 1u);
}

TEST_F(SyncTest, ColdServersAreFilledByWholeChunksOnly) {
  CacheOptions options;
  options.repair.replacement = Replacement::kCold;
  FillAndRead(5, options);
  Replace(3);
  timer_.Advance(seconds(10));
  EXPECT_TRUE(Get(FakeSealedChunk(7)).ok());
  EXPECT_EQ(fakes_[3]->shards(), 0u);
  ASSERT_TRUE(Put(FakeSealedChunk(7)).ok());
  EXPECT_EQ(fakes_[3]->shards(), 1u);
}

TEST_F(SyncTest, StopsWhenOthersHaveDoneTheWork) {
  FillAndRead(5);
  // Shards are as they were: the new object is the old process behind another address.
  std::vector<std::shared_ptr<ShardServer>> servers = List();
  auto same = std::make_shared<FakeShardServer>(fakes_[4]->Name(), timer_);
  for (const auto& [key, value] : fakes_[4]->items()) same->Store(key, *value);
  servers[4] = same;
  cache_->SetServers(servers);
  timer_.Advance(seconds(20));
  EXPECT_EQ(Synced(), CacheOptions{}.repair.sync_until_whole);
}

TEST_F(SyncTest, GoesSlowly) {
  FillAndRead(5);
  Replace(0);
  timer_.Advance(seconds(1));
  EXPECT_GT(Synced(), 25);
  EXPECT_LT(Synced(), 75) << "50 a second";
}

TEST_F(SyncTest, EndsWithItsStore) {
  FillAndRead(5);
  Replace(0);
  timer_.Advance(milliseconds(100));
  cache_.reset();  // in the middle; what was asked is answered
  timer_.Advance(seconds(10));
  EXPECT_LT(Synced(), kChunks);
}

}  // namespace
}  // namespace floe::cache
