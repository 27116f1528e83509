// SPDX-License-Identifier: Apache-2.0
#include "cache/cache_store.h"

#include "test/contract/chunk_store_contract.h"
#include "test/unit/cache/cache_fixture.h"

namespace floe::cache {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using store::FakeSealedChunk;
using store::PutResult;
using store::VerifiedSealed;

constexpr Code kFourOne{4, 1};

class CacheStoreTest : public CacheFixture {};

TEST_F(CacheStoreTest, PutsOneShardOnEachOfFiveServersAndGivesTheChunkBack) {
  Make(6);
  const VerifiedSealed chunk = FakeSealedChunk(1, 5000);
  EXPECT_EQ(*Put(chunk), PutResult::kCreated);
  EXPECT_EQ(ShardsHeld(), 5u);
  for (const auto& fake : fakes_) EXPECT_LE(fake->shards(), 1u);
  EXPECT_TRUE(Get(chunk).ok());
  EXPECT_EQ(*Put(chunk), PutResult::kExisted);
  EXPECT_EQ(Count("floe_cache_reads_total", {{"result", "hit"}}), 1);
  EXPECT_EQ(Count("floe_cache_hit_bytes_total"), 5000);
  EXPECT_EQ(Count("floe_cache_fills_total"), 1);
  EXPECT_NE(cache_->Name().find("4+1 on 6 servers"), std::string::npos) << cache_->Name();
}

TEST_F(CacheStoreTest, AnyOneServerMayBeDeadSilentFlushedOrSlow) {
  Make(5);
  const VerifiedSealed chunk = FakeSealedChunk(2, 5001);
  ASSERT_TRUE(Put(chunk).ok());
  for (const auto& fake : fakes_) {
    fake->SetDown(true);
    EXPECT_TRUE(Get(chunk).ok());
    fake->SetDown(false);
    fake->SetSilent(true);
    EXPECT_TRUE(Get(chunk).ok()) << "a silent server must cost no time";
    timer_.Advance(milliseconds(60));
    fake->SetSilent(false);
    fake->SetDelay(milliseconds(40));
    EXPECT_TRUE(Get(chunk).ok());
    timer_.Advance(milliseconds(60));
    fake->SetDelay(milliseconds(0));
    fake->Flush();
    EXPECT_TRUE(Get(chunk).ok());
    EXPECT_EQ(ShardsHeld(), 5u) << "put back after the read";
  }
}

TEST_F(CacheStoreTest, AMissIsKnownAtTwoNegativesNotWhenAllHaveAnswered) {
  CacheOptions options;
  options.lease.enabled = false;
  Make(5, options);
  const VerifiedSealed chunk = FakeSealedChunk(3);
  for (size_t silent = 0; silent < 3; ++silent) fakes_[silent]->SetSilent(true);
  EXPECT_TRUE(absl::IsNotFound(Get(chunk)));
  fakes_[3]->SetDelay(milliseconds(2));
  const auto answer = Begin(chunk.id());
  EXPECT_FALSE(answer->has_value()) << "one negative is not enough";
  timer_.Advance(milliseconds(2));
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE(absl::IsNotFound((*answer)->status()));
}

TEST_F(CacheStoreTest, AMissIsDecidedAfterFiveMilliseconds) {
  Make(5);
  const VerifiedSealed chunk = FakeSealedChunk(4);
  ASSERT_TRUE(Put(chunk).ok());
  fakes_[0]->SetSilent(true);
  fakes_[1]->SetDelay(milliseconds(6));
  fakes_[2]->SetDelay(milliseconds(7));
  const auto answer = Begin(chunk.id());
  timer_.Advance(microseconds(4999));
  EXPECT_FALSE(answer->has_value());
  timer_.Advance(microseconds(1));
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE(absl::IsUnavailable((*answer)->status())) << (*answer)->status();
  EXPECT_NE((*answer)->status().message().find("2 of 4"), std::string::npos);
  // Shards that come too late harm nothing.
  timer_.Advance(milliseconds(100));
  EXPECT_EQ(Count("floe_cache_reads_total", {{"result", "unavailable"}}), 1);
}

// 4-of-4 behind a slow server: p99 of a fetch is the slowest of four, and asking the origin for
// each that takes 6 ms would make it five times worse (doc/simulator.md, "tail").
TEST_F(CacheStoreTest, TheLastShardIsWaitedForLonger) {
  Make(5);
  const VerifiedSealed chunk = FakeSealedChunk(4);
  ASSERT_TRUE(Put(chunk).ok());
  fakes_[0]->SetSilent(true);
  fakes_[1]->SetDelay(milliseconds(6));
  const auto answer = Begin(chunk.id());
  timer_.Advance(microseconds(5999));
  EXPECT_FALSE(answer->has_value());
  timer_.Advance(microseconds(1));
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE((*answer)->ok()) << (*answer)->status();
}

TEST_F(CacheStoreTest, TheLastShardIsNotWaitedForForEver) {
  Make(5);
  const VerifiedSealed chunk = FakeSealedChunk(4);
  ASSERT_TRUE(Put(chunk).ok());
  fakes_[0]->SetSilent(true);
  fakes_[1]->SetSilent(true);
  const auto answer = Begin(chunk.id());
  timer_.Advance(microseconds(19'999));
  EXPECT_FALSE(answer->has_value());
  timer_.Advance(microseconds(1));
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE(absl::IsUnavailable((*answer)->status()));
  EXPECT_NE((*answer)->status().message().find("3 of 4"), std::string::npos);
}

TEST_F(CacheStoreTest, OneAbsentAndOneSilentShardAreAMissInTime) {
  CacheOptions options;
  options.lease.enabled = false;
  Make(5, options);
  const VerifiedSealed chunk = FakeSealedChunk(4);
  ASSERT_TRUE(Put(chunk).ok());
  fakes_[0]->SetSilent(true);
  fakes_[1]->Flush();
  fakes_[1]->SetDelay(milliseconds(6));
  const auto answer = Begin(chunk.id());
  timer_.Advance(milliseconds(6));
  EXPECT_FALSE(answer->has_value()) << "one is absent, one may come";
  timer_.Advance(milliseconds(14));
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE(absl::IsUnavailable((*answer)->status()));
}

TEST_F(CacheStoreTest, TheReadersDeadlineMayBeNearer) {
  Make(5);
  for (const auto& fake : fakes_) fake->SetSilent(true);
  store::RequestOptions options;
  options.deadline = timer_.Now() + milliseconds(2);
  const auto answer = Begin(FakeSealedChunk(4).id(), options);
  timer_.Advance(milliseconds(2));
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE(absl::IsDeadlineExceeded((*answer)->status())) << (*answer)->status();
}

TEST_F(CacheStoreTest, CancelledAndLateRequestsAskNobody) {
  Make(5);
  CancelSource source;
  source.Cancel();
  store::RequestOptions options;
  options.cancel = source.token();
  EXPECT_TRUE(absl::IsCancelled(Get(FakeSealedChunk(1), options)));
  options = {};
  options.deadline = timer_.Now();
  EXPECT_TRUE(absl::IsDeadlineExceeded(Get(FakeSealedChunk(1), options)));
  for (const auto& fake : fakes_) EXPECT_EQ(fake->gets(), 0u);
}

TEST_F(CacheStoreTest, BlackHoledServersCostTheDeadlineAFewTimesAndThenNothing) {
  Make(6);
  for (const auto& fake : fakes_) fake->SetSilent(true);
  size_t waited = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto answer = Begin(FakeSealedChunk(seed).id());
    if (!answer->has_value()) {
      ++waited;
      timer_.Advance(milliseconds(5));
    }
    ASSERT_TRUE(answer->has_value()) << "beyond the deadline of a miss";
    EXPECT_TRUE(absl::IsUnavailable((*answer)->status()));
    timer_.Advance(milliseconds(50));
  }
  EXPECT_LE(waited, 12u);
  size_t asked = 0;
  for (const auto& fake : fakes_) asked += fake->gets();
  EXPECT_LE(asked, 6 * 12u) << "servers that do not answer are left alone";
}

TEST_F(CacheStoreTest, NoServersMeansAMiss) {
  Make(0);
  EXPECT_TRUE(absl::IsNotFound(Get(FakeSealedChunk(1))));
  EXPECT_TRUE(absl::IsUnavailable(Put(FakeSealedChunk(1)).status()));
  EXPECT_EQ(cache_->Name(), "shared cache without servers");
}

TEST_F(CacheStoreTest, FewServersUseASmallerCode) {
  for (const auto& [servers, shards] : {std::pair(1, 1), {2, 2}, {3, 3}, {4, 4}}) {
    fakes_.clear();
    cache_.reset();
    Make(static_cast<size_t>(servers));
    const VerifiedSealed chunk = FakeSealedChunk(5, 999);
    ASSERT_TRUE(Put(chunk).ok());
    EXPECT_EQ(ShardsHeld(), static_cast<size_t>(shards));
    if (servers > 1) fakes_[0]->SetDown(true);
    EXPECT_TRUE(Get(chunk).ok()) << servers;
  }
}

TEST_F(CacheStoreTest, OtherCodesWork) {
  for (const Code code : {Code{1, 0}, Code{1, 1}, Code{2, 3}, Code{10, 2}}) {
    fakes_.clear();
    cache_.reset();
    CacheOptions options;
    options.code = code;
    Make(13, options);
    const VerifiedSealed chunk = FakeSealedChunk(6, 4321);
    ASSERT_TRUE(Put(chunk).ok());
    for (size_t lost = 0; lost < code.r; ++lost) Holder(chunk, lost, code).SetDown(true);
    EXPECT_TRUE(Get(chunk).ok()) << CodeText(code);
  }
}

TEST_F(CacheStoreTest, AServerThatComesOrGoesCostsHitsAndNeverAWrongByte) {
  Make(7);
  std::vector<VerifiedSealed> chunks;
  for (uint64_t seed = 0; seed < 200; ++seed) chunks.push_back(FakeSealedChunk(seed, 300 + seed));
  for (const auto& chunk : chunks) ASSERT_TRUE(Put(chunk).ok());
  auto servers = List();
  servers.erase(servers.begin() + 2);
  cache_->SetServers(servers);
  size_t hits = 0;
  for (const auto& chunk : chunks) {
    const absl::Status status = Get(chunk);
    EXPECT_TRUE(status.ok() || absl::IsNotFound(status)) << status;
    hits += status.ok() ? 1 : 0;
    timer_.Advance(std::chrono::seconds(3));
  }
  EXPECT_GT(hits, 120u) << "a chunk that lost one shard is still a hit";
  servers.push_back(std::shared_ptr<ShardServer>(fakes_[2]));
  cache_->SetServers(servers);
  for (const auto& chunk : chunks) {
    const absl::Status status = Get(chunk);
    EXPECT_TRUE(status.ok() || absl::IsNotFound(status)) << status;
    timer_.Advance(std::chrono::seconds(3));
  }
  cache_->SetServers({});
  EXPECT_TRUE(absl::IsNotFound(Get(chunks[0])));
}

TEST_F(CacheStoreTest, RepairFollowsARollingReplacementOfEveryServer) {
  Make(6);
  std::vector<VerifiedSealed> chunks;
  for (uint64_t seed = 0; seed < 50; ++seed) chunks.push_back(FakeSealedChunk(seed, 700));
  for (const auto& chunk : chunks) ASSERT_TRUE(Put(chunk).ok());
  for (auto& fake : fakes_) {
    // The same name and an empty server.
    fake = std::make_shared<FakeShardServer>(fake->Name(), timer_);
    cache_->SetServers(List());
    for (const auto& chunk : chunks) ASSERT_TRUE(Get(chunk).ok());
  }
  EXPECT_EQ(ShardsHeld(), 250u);
}

TEST_F(CacheStoreTest, ADuplicateServerCountsOnce) {
  Make(5);
  auto servers = List();
  servers.push_back(servers[0]);
  cache_->SetServers(servers);
  EXPECT_NE(cache_->Name().find("on 5 servers"), std::string::npos);
}

TEST_F(CacheStoreTest, TooMuchUnderWayIsAnErasureAndDoesNotOpenTheBreaker) {
  CacheOptions options;
  options.max_outstanding = 4;
  Make(5, options);
  const VerifiedSealed chunk = FakeSealedChunk(1);
  ASSERT_TRUE(Put(chunk).ok());
  fakes_[0]->SetDelay(milliseconds(3));
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(Get(chunk).ok()) << "the others serve";
  EXPECT_EQ(Count("floe_cache_server_failures_total",
                  {{"server", fakes_[0]->Name()}, {"reason", "full"}}),
            46);
  timer_.Advance(milliseconds(3));
  const size_t asked = fakes_[0]->gets();
  EXPECT_TRUE(Get(chunk).ok());
  EXPECT_EQ(fakes_[0]->gets(), asked + 1);
}

TEST(CacheOptionsTest, NamesWhatIsWrong) {
  EXPECT_TRUE(CacheOptions().Validate().ok());
  const auto refused = [](const std::function<void(CacheOptions&)>& spoil) {
    CacheOptions options;
    spoil(options);
    return absl::IsInvalidArgument(options.Validate());
  };
  EXPECT_TRUE(refused([](CacheOptions& o) { o.code = {0, 1}; }));
  EXPECT_TRUE(refused([](CacheOptions& o) { o.code = {31, 2}; }));
  EXPECT_TRUE(refused([](CacheOptions& o) { o.miss_decision = microseconds(0); }));
  EXPECT_TRUE(refused([](CacheOptions& o) { o.max_outstanding = 0; }));
  EXPECT_TRUE(refused([](CacheOptions& o) { o.breaker.longest_pause = milliseconds(1); }));
  EXPECT_TRUE(refused([](CacheOptions& o) { o.repair.synced_per_second = 0; }));
  EXPECT_TRUE(refused([](CacheOptions& o) { o.repair.sync_until_whole = 0; }));
  EXPECT_TRUE(refused([](CacheOptions& o) { o.ttl = std::chrono::seconds(-1); }));
  EXPECT_TRUE(refused([](CacheOptions& o) { o.lease.ttl = std::chrono::seconds(0); }));
}

// The contract, with real threads.
struct CacheSubject {
  static constexpr bool kListsEverything = false;
  std::shared_ptr<store::ChunkStore> Make() {
    std::vector<std::shared_ptr<ShardServer>> servers;
    for (int i = 0; i < 6; ++i) {
      servers.push_back(std::make_shared<FakeShardServer>(absl::StrCat("s", i), timer));
    }
    CacheOptions options;
    options.miss_decision = std::chrono::seconds(30);  // a busy machine decides nothing here
    options.answer_deadline = std::chrono::seconds(30);
    return std::make_shared<CacheStore>(servers, options, timer, workers);
  }
  ThreadTimer timer{"timer"};
  ThreadPool workers{"workers", 3};
};

}  // namespace
}  // namespace floe::cache

namespace floe::store {
INSTANTIATE_TYPED_TEST_SUITE_P(SharedCache, ChunkStoreContract, floe::cache::CacheSubject);
}
