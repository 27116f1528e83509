// SPDX-License-Identifier: Apache-2.0
// Many clients of one cache miss one chunk at once.
#include "test/unit/cache/cache_fixture.h"

namespace floe::cache {
namespace {

using std::chrono::milliseconds;
using store::FakeSealedChunk;
using store::VerifiedSealed;

class LeaseTest : public CacheFixture {
 protected:
  // Another node with the same servers.
  CacheStore& AddNode(const CacheOptions& given = {}) {
    CacheOptions options = given;
    options.seed = nodes_.size() + 1;
    nodes_.push_back(std::make_unique<CacheStore>(List(), options, timer_, executor_, &metrics_));
    return *nodes_.back();
  }
  std::shared_ptr<std::optional<Answer>> BeginAt(CacheStore& node, const store::ChunkId& id,
                                                 const store::RequestOptions& options = {}) {
    auto answer = std::make_shared<std::optional<Answer>>();
    node.Get(id, options, [answer](Answer result) { answer->emplace(std::move(result)); });
    return answer;
  }
  void TearDown() override {
    timer_.Advance(std::chrono::seconds(10));
    nodes_.clear();
    CacheFixture::TearDown();
  }

  std::vector<std::unique_ptr<CacheStore>> nodes_;
};

TEST_F(LeaseTest, OneOfManyFetchesAndTheOthersGetItsFill) {
  Make(6);
  const VerifiedSealed chunk = FakeSealedChunk(1, 3000);
  std::vector<std::shared_ptr<std::optional<Answer>>> answers;
  size_t fetches = 0;
  for (int node = 0; node < 100; ++node) {
    answers.push_back(BeginAt(AddNode(), chunk.id()));
    fetches += answers.back()->has_value() ? 1 : 0;
  }
  EXPECT_EQ(fetches, 1u) << "all others wait";
  EXPECT_TRUE(absl::IsNotFound((*answers[0])->status()));
  timer_.Advance(milliseconds(20));
  ASSERT_TRUE(Put(chunk).ok());
  timer_.Advance(milliseconds(60));
  for (size_t node = 1; node < answers.size(); ++node) {
    ASSERT_TRUE(answers[node]->has_value());
    EXPECT_TRUE(Check(**answers[node], chunk).ok());
  }
  EXPECT_EQ(Count("floe_cache_leases_total"), 1);
  EXPECT_EQ(Count("floe_cache_lease_waits_total"), 99);
  EXPECT_EQ(Count("floe_cache_lease_hits_total"), 99);
}

TEST_F(LeaseTest, WhoWaitsInVainAsksTheOriginAfterItsClassesTime) {
  Make(5);
  const store::ChunkId id = FakeSealedChunk(1).id();
  EXPECT_TRUE(BeginAt(AddNode(), id)->has_value());  // it wins, and dies
  const LeaseOptions defaults;
  SteadyTime before = timer_.Now();
  milliseconds last(0);
  for (const auto request_class :
       {store::RequestClass::kRunning, store::RequestClass::kStart, store::RequestClass::kPrefetch,
        store::RequestClass::kBackground}) {
    before = timer_.Now();
    store::RequestOptions options;
    options.request_class = request_class;
    const auto answer = Begin(id, options);
    EXPECT_FALSE(answer->has_value());
    milliseconds waited(0);
    while (!answer->has_value() && waited < std::chrono::seconds(5)) {
      timer_.Advance(milliseconds(1));
      ++waited;
    }
    ASSERT_TRUE(answer->has_value());
    EXPECT_TRUE(absl::IsNotFound((*answer)->status()));
    EXPECT_LE(waited, defaults.longest_wait[static_cast<size_t>(request_class)] + milliseconds(1));
    EXPECT_GT(waited, last) << "running readers wait less";
    last = waited;
  }
}

TEST_F(LeaseTest, TheReadersDeadlineEndsTheWait) {
  Make(5);
  const store::ChunkId id = FakeSealedChunk(1).id();
  EXPECT_TRUE(Begin(id)->has_value());
  store::RequestOptions options;
  options.request_class = store::RequestClass::kBackground;
  options.deadline = timer_.Now() + milliseconds(20);
  const auto answer = Begin(id, options);
  timer_.Advance(milliseconds(21));
  EXPECT_TRUE(answer->has_value());
}

TEST_F(LeaseTest, ACancelledWaitEnds) {
  Make(5);
  const store::ChunkId id = FakeSealedChunk(1).id();
  EXPECT_TRUE(Begin(id)->has_value());
  CancelSource source;
  store::RequestOptions options;
  options.cancel = source.token();
  options.request_class = store::RequestClass::kBackground;
  const auto answer = Begin(id, options);
  source.Cancel();
  timer_.Advance(milliseconds(30));
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE(absl::IsCancelled((*answer)->status()));
}

TEST_F(LeaseTest, TroubleCostsNoFurtherTime) {
  Make(5);
  const store::ChunkId id = FakeSealedChunk(1).id();
  // A miss that the servers did not state: no lease is asked for.
  fakes_[0]->SetDown(true);
  fakes_[1]->SetDown(true);
  const auto answer = Begin(id);
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE(absl::IsUnavailable((*answer)->status()));
  for (const auto& fake : fakes_) EXPECT_EQ(fake->sets(), 0u);
}

TEST_F(LeaseTest, AServerThatRefusesTheLeaseMeansTheOrigin) {
  Make(5);
  const VerifiedSealed chunk = FakeSealedChunk(1);
  for (const auto& fake : fakes_) fake->SetMaxValue(1 << 20);
  CacheOptions options;
  options.max_outstanding = 1;
  auto& node = AddNode(options);
  // Its only place for fills and leases is taken.
  for (const auto& fake : fakes_) fake->SetDelay(milliseconds(3));
  const auto first = BeginAt(node, FakeSealedChunk(2).id());
  const auto second = BeginAt(node, chunk.id());
  ASSERT_TRUE(second->has_value());
  EXPECT_FALSE((*second)->ok());
}

TEST_F(LeaseTest, ClassesThatDoNotFillNeitherTakeNorHeedIt) {
  CacheOptions options;
  options.lease.lowest_class = store::RequestClass::kStart;
  Make(5, options);
  const store::ChunkId id = FakeSealedChunk(1).id();
  store::RequestOptions prefetch;
  prefetch.request_class = store::RequestClass::kPrefetch;
  EXPECT_TRUE(Begin(id, prefetch)->has_value());
  store::RequestOptions start;
  start.request_class = store::RequestClass::kStart;
  EXPECT_TRUE(Begin(id, start)->has_value()) << "nobody had it";
  EXPECT_TRUE(Begin(id, prefetch)->has_value()) << "does not wait";
  EXPECT_FALSE(Begin(id, start)->has_value());
}

TEST_F(LeaseTest, CanBeTurnedOff) {
  CacheOptions options;
  options.lease.enabled = false;
  Make(5, options);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(absl::IsNotFound(Get(FakeSealedChunk(1))));
  for (const auto& fake : fakes_) EXPECT_EQ(fake->sets(), 0u);
}

TEST_F(LeaseTest, TheDestructorEndsWaits) {
  ThreadTimer timer("timer");
  std::vector<std::shared_ptr<ShardServer>> servers = {
      std::make_shared<FakeShardServer>("s1", timer)};
  CacheStore cache(servers, {}, timer, executor_);
  const store::ChunkId id = FakeSealedChunk(1).id();
  std::atomic<int> answered{0};
  store::RequestOptions options;
  options.request_class = store::RequestClass::kBackground;
  {
    CacheStore other(servers, {}, timer, executor_);
    for (int i = 0; i < 5; ++i) other.Get(id, options, [&](const Answer&) { ++answered; });
  }
  EXPECT_EQ(answered, 5);
}

}  // namespace
}  // namespace floe::cache
