// SPDX-License-Identifier: Apache-2.0
// The whole shared cache over real memcached processes.
#include "cache/shared_cache.h"

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/tier/tiered_store.h"
#include "test/contract/chunk_store_contract.h"
#include "test/unit/cache/real_memcached.h"

namespace floe::cache {
namespace {

using std::chrono::milliseconds;
using store::FakeSealedChunk;
using store::GetBlocking;
using store::PutBlocking;
using store::VerifiedSealed;

SharedCacheOptions Patient() {
  SharedCacheOptions options;
  // A busy machine decides nothing; what is down is down.
  options.cache.miss_decision = std::chrono::seconds(30);
  options.cache.answer_deadline = std::chrono::seconds(30);
  options.cache.set_deadline = std::chrono::seconds(30);
  options.list.refresh = std::chrono::hours(1);
  return options;
}

class SharedCacheTest : public testing::Test {
 protected:
  void Start(size_t servers, SharedCacheOptions options = Patient()) {
    for (size_t i = 0; i < servers; ++i) memcacheds_.push_back(std::make_unique<RealMemcached>());
    options.list.servers.clear();
    for (const auto& memcached : memcacheds_) {
      options.list.servers.push_back(memcached->address().ToString());
    }
    Open(options);
  }
  void Open(const SharedCacheOptions& options) {
    auto cache = SharedCache::Create(options, workers_, &metrics_);
    ASSERT_TRUE(cache.ok()) << cache.status();
    cache_ = *std::move(cache);
    ASSERT_TRUE(cache_->Look().ok());
  }
  store::ChunkStore& Store() { return *cache_->store(); }
  void Fill(uint64_t chunks, size_t size = 20'000) {
    for (uint64_t seed = 0; seed < chunks; ++seed) {
      chunks_.push_back(FakeSealedChunk(seed, size + seed));
      ASSERT_TRUE(PutBlocking(Store(), chunks_.back()).ok());
    }
  }
  // Every chunk, right to the byte; gives how many there were.
  size_t ReadAll(store::ChunkStore& store) {
    size_t found = 0;
    for (const VerifiedSealed& chunk : chunks_) {
      const auto got = GetBlocking(store, chunk.id());
      if (!got.ok()) continue;
      ++found;
      EXPECT_EQ(*got->shared(), *chunk.shared());
    }
    return found;
  }

  Metrics metrics_;
  ThreadPool workers_{"workers", 2};
  std::vector<std::unique_ptr<RealMemcached>> memcacheds_;
  std::vector<VerifiedSealed> chunks_;
  std::unique_ptr<SharedCache> cache_;
};

TEST_F(SharedCacheTest, ServesWhatWasPutAlsoToAnotherNode) {
  Start(6);
  Fill(20);
  EXPECT_EQ(ReadAll(Store()), 20u);
  SharedCacheOptions options = Patient();
  for (const auto& memcached : memcacheds_) {
    options.list.servers.push_back(memcached->address().ToString());
  }
  ThreadPool workers("other", 1);
  auto other = SharedCache::Create(options, workers, nullptr);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE((*other)->Look().ok());
  EXPECT_EQ(ReadAll(*(*other)->store()), 20u);
}

TEST_F(SharedCacheTest, AStoppedServerCostsNoRead) {
  Start(6);
  Fill(20);
  for (const auto& memcached : memcacheds_) {
    memcached->Stop();
    EXPECT_EQ(ReadAll(Store()), 20u);
    memcached->Continue();
  }
}

TEST_F(SharedCacheTest, ADeadServerCostsNoReadAndComesBackFilled) {
  Start(5);
  Fill(20);
  memcacheds_[2]->Kill();
  EXPECT_EQ(ReadAll(Store()), 20u);
  memcacheds_[2]->Start();
  // Each read after the breaker's pause may put its shard back; then another server may go.
  while (metrics_.GetCounter("floe_cache_repairs_total", "").value() < 20) {
    ASSERT_EQ(ReadAll(Store()), 20u);
  }
  memcacheds_[0]->Kill();
  EXPECT_EQ(ReadAll(Store()), 20u);
}

TEST_F(SharedCacheTest, ARollingReplacementOfEveryServerFailsNoReadAndTheOriginBarelyNotices) {
  Start(6);
  const auto origin = std::make_shared<store::FakeChunkStore>();
  store::TieredStore stack(cache_->store(), origin, workers_);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    chunks_.push_back(FakeSealedChunk(seed, 9000));
    origin->Add(chunks_.back());
    ASSERT_TRUE(PutBlocking(Store(), chunks_.back()).ok());
  }
  Counter& repairs = metrics_.GetCounter("floe_cache_repairs_total", "");
  for (const auto& memcached : memcacheds_) {
    memcached->Kill();
    EXPECT_EQ(ReadAll(stack), 20u);
    memcached->Start();
    // Until reads have put its shards back (it is asked again after the breaker's pause).
    const double before = repairs.value();
    while (repairs.value() < before + 10) ASSERT_EQ(ReadAll(stack), 20u);
    ASSERT_EQ(ReadAll(stack), 20u);
  }
  EXPECT_EQ(origin->gets(), 0u);
}

TEST_F(SharedCacheTest, AllServersStoppedMeansTheOriginWithinTheDeadline) {
  SharedCacheOptions options;
  options.list.refresh = std::chrono::hours(1);
  Start(6, options);
  const auto origin = std::make_shared<store::FakeChunkStore>();
  store::TieredStore stack(cache_->store(), origin, workers_);
  for (uint64_t seed = 0; seed < 30; ++seed) {
    chunks_.push_back(FakeSealedChunk(seed, 9000));
    origin->Add(chunks_.back());
  }
  for (const auto& memcached : memcacheds_) memcached->Stop();
  EXPECT_EQ(ReadAll(stack), 30u);
  EXPECT_EQ(origin->gets(), 30u);
  for (const auto& memcached : memcacheds_) memcached->Continue();
  EXPECT_EQ(ReadAll(stack), 30u);
}

TEST_F(SharedCacheTest, FollowsItsServersFile) {
  for (int i = 0; i < 6; ++i) memcacheds_.push_back(std::make_unique<RealMemcached>());
  auto folder = TempDir::Create();
  ASSERT_TRUE(folder.ok());
  SharedCacheOptions options = Patient();
  options.list.file = folder->path() + "/servers";
  const auto write = [&](size_t first, size_t count) {
    std::string text;
    for (size_t i = first; i < first + count; ++i) {
      absl::StrAppend(&text, memcacheds_[i]->address().ToString(), "\n");
    }
    ASSERT_TRUE(
        WriteFileAtomically(options.list.file, AsBytes(text), 0644, Replace::kYes, Durable::kNo)
            .ok());
  };
  write(0, 5);
  Open(options);
  Fill(20);
  write(0, 6);
  ASSERT_TRUE(cache_->Look().ok());
  const size_t found = ReadAll(Store());
  // How few it costs is the placement's test; these names are other ones in each run.
  EXPECT_GT(found, 2u) << "a server more does not empty the cache";
  EXPECT_NE(Store().Name().find("6 servers"), std::string::npos);
}

TEST_F(SharedCacheTest, ListsMayChangeUnderReaders) {
  Start(6);
  Fill(10);
  auto folder = TempDir::Create();
  ASSERT_TRUE(folder.ok());
  SharedCacheOptions options = Patient();
  options.list.file = folder->path() + "/servers";
  const auto write = [&](size_t without) {
    std::string text;
    for (size_t i = 0; i < 6; ++i) {
      if (i != without) absl::StrAppend(&text, memcacheds_[i]->address().ToString(), "\n");
    }
    ASSERT_TRUE(
        WriteFileAtomically(options.list.file, AsBytes(text), 0644, Replace::kYes, Durable::kNo)
            .ok());
  };
  write(6);
  Open(options);
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) ReadAll(Store());
  });
  for (size_t round = 0; round < 14; ++round) {
    write(round % 7);
    ASSERT_TRUE(cache_->Look().ok());
  }
  stop = true;
  reader.join();
}

TEST_F(SharedCacheTest, WrongOptionsAreNamed) {
  SharedCacheOptions options;
  EXPECT_TRUE(absl::IsInvalidArgument(SharedCache::Create(options, workers_, nullptr).status()));
  options.list.servers = {"10.0.0.1:11211"};
  options.cache.code = {40, 1};
  EXPECT_TRUE(absl::IsInvalidArgument(SharedCache::Create(options, workers_, nullptr).status()));
}

struct RealCacheSubject {
  static constexpr bool kListsEverything = false;
  std::shared_ptr<store::ChunkStore> Make() {
    SharedCacheOptions options = Patient();
    for (int i = 0; i < 5; ++i) memcacheds.push_back(std::make_unique<RealMemcached>());
    for (const auto& memcached : memcacheds) {
      options.list.servers.push_back(memcached->address().ToString());
    }
    auto cache = std::shared_ptr<SharedCache>(*SharedCache::Create(options, workers, nullptr));
    EXPECT_TRUE(cache->Look().ok());
    store::ChunkStore* const store = cache->store().get();
    return {store, [cache](store::ChunkStore*) mutable { cache.reset(); }};
  }
  std::vector<std::unique_ptr<RealMemcached>> memcacheds;
  ThreadPool workers{"workers", 2};
};

}  // namespace
}  // namespace floe::cache

namespace floe::store {
INSTANTIATE_TYPED_TEST_SUITE_P(RealSharedCache, ChunkStoreContract, floe::cache::RealCacheSubject);
}
