// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/metered_tier.h"

#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

struct MeteredTierSubject {
  static constexpr bool kListsEverything = true;
  Metrics metrics;
  std::shared_ptr<ChunkStore> Make() {
    return std::make_shared<MeteredTier>(std::make_shared<FakeChunkStore>(), metrics, "test");
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(MeteredTier, ChunkStoreContract, MeteredTierSubject);

class MeteredTierTest : public testing::Test {
 protected:
  double Count(const std::string& what) {
    return metrics_.GetCounter("floe_tier_" + what + "_total", "", {{"tier", "disk"}}).value();
  }
  absl::Status Get(uint64_t seed) {
    return GetBlocking(store_, FakeSealedChunk(seed, 500).id()).status();
  }

  Metrics metrics_;
  FakeClock clock_;
  std::shared_ptr<FakeChunkStore> fake_ = std::make_shared<FakeChunkStore>();
  MeteredTier store_{fake_, metrics_, "disk", clock_};
};

TEST_F(MeteredTierTest, TellsHitsMissesErrorsAndMismatchesApart) {
  fake_->Add(FakeSealedChunk(1, 500));
  EXPECT_TRUE(Get(1).ok());
  EXPECT_TRUE(Get(1).ok());
  EXPECT_TRUE(absl::IsNotFound(Get(2)));
  fake_->FailNext(1, absl::UnavailableError("down"));
  EXPECT_FALSE(Get(1).ok());
  fake_->FailNext(1, absl::DataLossError("not these bytes"));
  EXPECT_FALSE(Get(1).ok());
  fake_->FailNext(1, absl::CancelledError("nobody waits"));
  EXPECT_FALSE(Get(1).ok());
  EXPECT_EQ(Count("hits"), 2);
  EXPECT_EQ(Count("hit_bytes"), 1000);
  EXPECT_EQ(Count("misses"), 1);
  EXPECT_EQ(Count("errors"), 2);
  EXPECT_EQ(Count("mismatches"), 1);
}

TEST_F(MeteredTierTest, CountsWhatIsTakenIn) {
  ASSERT_TRUE(PutBlocking(store_, FakeSealedChunk(1, 500)).ok());
  ASSERT_TRUE(PutBlocking(store_, FakeSealedChunk(1, 500)).ok());
  fake_->FailNext(1, absl::ResourceExhaustedError("full"));
  EXPECT_FALSE(PutBlocking(store_, FakeSealedChunk(2, 500)).ok());
  EXPECT_EQ(Count("fills"), 1);
  EXPECT_EQ(Count("refused_puts"), 1);
}

TEST_F(MeteredTierTest, TimesEachKindOfAnswer) {
  fake_->Add(FakeSealedChunk(1, 500));
  fake_->Hold();
  store_.Get(FakeSealedChunk(1, 500).id(), {}, [](auto) {});
  store_.Get(FakeSealedChunk(2, 500).id(), {}, [](auto) {});
  clock_.Advance(std::chrono::seconds(2));
  fake_->Release();
  const std::string text = metrics_.Text();
  EXPECT_THAT(text, testing::HasSubstr("floe_tier_seconds_sum{result=\"hit\",tier=\"disk\"} 2"));
  EXPECT_THAT(text, testing::HasSubstr("floe_tier_seconds_count{result=\"miss\",tier=\"disk\"} 1"));
  EXPECT_THAT(text,
              testing::HasSubstr("floe_tier_seconds_count{result=\"error\",tier=\"disk\"} 0"));
}

}  // namespace
}  // namespace floe::store
