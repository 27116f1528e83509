// SPDX-License-Identifier: Apache-2.0
// Fills, and shards put back: limits, policies, servers that are new.
#include "test/unit/cache/cache_fixture.h"

namespace floe::cache {
namespace {

using std::chrono::milliseconds;
using store::FakeSealedChunk;
using store::PutResult;
using store::VerifiedSealed;

class RepairTest : public CacheFixture {
 protected:
  static CacheOptions With(Replacement replacement) {
    CacheOptions options;
    options.repair.replacement = replacement;
    return options;
  }
  // Puts chunks, empties one server, reads them all; gives what that server holds then.
  size_t HeldAfterReads(Replacement replacement) {
    Make(5, With(replacement));
    std::vector<VerifiedSealed> chunks;
    for (uint64_t seed = 0; seed < 20; ++seed) {
      chunks.push_back(FakeSealedChunk(seed, 500));
      EXPECT_TRUE(Put(chunks.back()).ok());
    }
    fakes_[2]->Flush();
    for (const auto& chunk : chunks) EXPECT_TRUE(Get(chunk).ok());
    return fakes_[2]->shards();
  }
};

TEST_F(RepairTest, AColdServerStaysEmptyUntilFills) {
  EXPECT_EQ(HeldAfterReads(Replacement::kCold), 0u);
}

TEST_F(RepairTest, AWarmedServerIsFilledByReads) {
  EXPECT_EQ(HeldAfterReads(Replacement::kWarmed), 20u);
  EXPECT_EQ(Count("floe_cache_repairs_total"), 20);
}

TEST_F(RepairTest, WrongShardsAreReplacedUnderEveryPolicy) {
  Make(5, With(Replacement::kCold));
  const VerifiedSealed chunk = FakeSealedChunk(1, 500);
  ASSERT_TRUE(Put(chunk).ok());
  const auto before = fakes_[0]->items();
  fakes_[0]->Spoil([](const std::string&, Bytes& value) { value[20] ^= 1; });
  ASSERT_TRUE(Get(chunk).ok());
  EXPECT_EQ(*fakes_[0]->items().begin()->second, *before.begin()->second);
}

TEST_F(RepairTest, ANewServerIsFilledFromWhatThisNodeUsedLately) {
  Make(5, With(Replacement::kDeltaSynced));
  std::vector<VerifiedSealed> chunks;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    chunks.push_back(FakeSealedChunk(seed, 500));
    ASSERT_TRUE(Put(chunks.back()).ok());
    ASSERT_TRUE(Get(chunks.back()).ok());
  }
  fakes_[3] = std::make_shared<FakeShardServer>(fakes_[3]->Name(), timer_);
  cache_->SetServers(List());
  EXPECT_EQ(fakes_[3]->shards(), 0u);
  timer_.Advance(milliseconds(200));
  const size_t early = fakes_[3]->shards();
  EXPECT_GT(early, 0u);
  EXPECT_LT(early, 20u) << "at its own slow pace";
  timer_.Advance(std::chrono::seconds(2));
  EXPECT_EQ(fakes_[3]->shards(), 20u);
  EXPECT_EQ(Count("floe_cache_synced_total"), 20);
}

TEST_F(RepairTest, AServerThatComesBackEmptyIsFilledToo) {
  CacheOptions options = With(Replacement::kDeltaSynced);
  Make(5, options);
  const VerifiedSealed chunk = FakeSealedChunk(1, 500);
  ASSERT_TRUE(Put(chunk).ok());
  ASSERT_TRUE(Get(chunk).ok());
  fakes_[1]->Flush();
  fakes_[1]->SetDown(true);
  const VerifiedSealed other = FakeSealedChunk(2, 500);
  for (int i = 0; i < 10; ++i) (void)Get(other);
  fakes_[1]->SetDown(false);
  timer_.Advance(std::chrono::seconds(1));  // beyond the breaker's pause
  (void)Get(other);
  timer_.Advance(std::chrono::seconds(3));
  EXPECT_EQ(fakes_[1]->items().count(ShardKey(chunk.id(), {4, 1}, 0)) +
                fakes_[1]->items().count(ShardKey(chunk.id(), {4, 1}, 1)) +
                fakes_[1]->items().count(ShardKey(chunk.id(), {4, 1}, 2)) +
                fakes_[1]->items().count(ShardKey(chunk.id(), {4, 1}, 3)) +
                fakes_[1]->items().count(ShardKey(chunk.id(), {4, 1}, 4)),
            1u);
}

TEST_F(RepairTest, TooManyRepairsAtOnceAreLeftOut) {
  CacheOptions options;
  options.repair.max_pending_bytes = 1000;
  Make(5, options);
  const VerifiedSealed a = FakeSealedChunk(1, 600);
  const VerifiedSealed b = FakeSealedChunk(2, 600);
  ASSERT_TRUE(Put(a).ok());
  ASSERT_TRUE(Put(b).ok());
  fakes_[0]->Flush();
  fakes_[0]->SetDelay(milliseconds(2));
  const auto first = Begin(a.id());
  const auto second = Begin(b.id());
  timer_.Advance(milliseconds(2));
  EXPECT_EQ(Count("floe_cache_refused_repairs_total"), 1);
  timer_.Advance(milliseconds(10));
  EXPECT_EQ(Count("floe_cache_repairs_total"), 1);
  // The place is free again.
  EXPECT_TRUE(Get(b).ok());
  timer_.Advance(milliseconds(10));
  EXPECT_EQ(Count("floe_cache_repairs_total"), 2);
}

TEST_F(RepairTest, TooManyFillsAtOnceAreRefused) {
  CacheOptions options;
  options.max_pending_fill_bytes = 1000;
  Make(5, options);
  for (const auto& fake : fakes_) fake->SetDelay(milliseconds(2));
  std::vector<absl::Status> results;
  for (uint64_t seed = 0; seed < 2; ++seed) {
    cache_->Put(FakeSealedChunk(seed, 600), {}, [&](const absl::StatusOr<PutResult>& result) {
      results.push_back(result.status());
    });
  }
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(absl::IsResourceExhausted(results[0]));
  timer_.Advance(milliseconds(2));
  ASSERT_EQ(results.size(), 2u);
  EXPECT_TRUE(results[1].ok());
  EXPECT_EQ(Count("floe_cache_refused_fills_total"), 1);
}

TEST_F(RepairTest, AFillThatLosesServersIsStillAFillWhileEnoughTakeIt) {
  Make(5);
  const VerifiedSealed chunk = FakeSealedChunk(1, 500);
  Holder(
      *[&] {
        EXPECT_TRUE(Put(chunk).ok());
        return &chunk;
      }(),
      0, {4, 1})
      .SetDown(true);
  const VerifiedSealed second = FakeSealedChunk(2, 500);
  EXPECT_EQ(*Put(second), PutResult::kCreated);
  EXPECT_EQ(*Put(second), PutResult::kExisted);
  for (const auto& fake : fakes_) fake->SetDown(true);
  const absl::Status status = Put(FakeSealedChunk(3)).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(status.message().find("0 of 5"), std::string::npos) << status;
}

TEST_F(RepairTest, ShardsBeyondTheItemLimitAreRefusedWithTheRemedy) {
  Make(5);
  for (const auto& fake : fakes_) fake->SetMaxValue(1000);
  EXPECT_TRUE(Put(FakeSealedChunk(1, 3900)).ok());
  const absl::Status status = Put(FakeSealedChunk(2, 4100)).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_NE(status.message().find("-I"), std::string::npos) << status;
  EXPECT_EQ(ShardsHeld(), 5u);
}

TEST_F(RepairTest, ShardsLiveAsLongAsToldAndSetsAreBounded) {
  Make(5);
  for (const auto& fake : fakes_) fake->SetSilent(true);
  std::optional<absl::Status> result;
  cache_->Put(FakeSealedChunk(1), {},
              [&](const absl::StatusOr<PutResult>& r) { result = r.status(); });
  timer_.Advance(milliseconds(999));
  EXPECT_FALSE(result);
  timer_.Advance(milliseconds(1));
  ASSERT_TRUE(result);
  EXPECT_TRUE(absl::IsUnavailable(*result) || absl::IsDeadlineExceeded(*result)) << *result;
}

}  // namespace
}  // namespace floe::cache
