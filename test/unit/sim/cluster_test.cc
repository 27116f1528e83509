// SPDX-License-Identifier: Apache-2.0
// The parts of a cluster, and that nothing is lost on the way through it.
#include "bench/sim/cluster.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "bench/sim/plain_ring.h"
#include "bench/sim/sim_disk.h"
#include "bench/sim/starts.h"
#include "store/wrap/limit_policy.h"

namespace floe::sim {
namespace {

using std::chrono::milliseconds;

class SimOriginTest : public testing::Test {
 protected:
  absl::StatusOr<store::FetchedChunk> Get(store::ChunkStore& store, const store::ChunkId& id) {
    std::optional<absl::StatusOr<store::FetchedChunk>> result;
    store.Get(id, {}, [&](auto got) { result = std::move(got); });
    loop_.RunToEnd();
    if (!result) return absl::InternalError("not answered");
    return *std::move(result);
  }

  Loop loop_;
  ChunkPool pool_{1};
};

TEST_F(SimOriginTest, ServesThePoolAndCountsWhatComesAgain) {
  SimOrigin origin(loop_, pool_, {}, Random(1));
  const store::ChunkId id = pool_.chunk(pool_.Make()).id();
  EXPECT_TRUE(Get(origin, id).ok());
  EXPECT_GE(loop_.elapsed(), milliseconds(18));
  EXPECT_TRUE(Get(origin, id).ok());
  EXPECT_TRUE(absl::IsNotFound(Get(origin, store::ChunkId{}).status()));
  EXPECT_EQ(origin.counts().asked, 3u);
  EXPECT_EQ(origin.counts().served, 2u);
  EXPECT_EQ(origin.counts().again, 1u);
}

TEST_F(SimOriginTest, BeyondItsLimitItSaysSlowDown) {
  OriginOptions options;
  options.requests_per_second = 10;
  SimOrigin origin(loop_, pool_, options, Random(1));
  const store::ChunkId id = pool_.chunk(pool_.Make()).id();
  int ok = 0;
  int slow = 0;
  for (int i = 0; i < 5; ++i) {
    origin.Get(id, {}, [&](auto got) {
      ok += got.ok() ? 1 : 0;
      slow += store::IsSlowDown(got.status()) ? 1 : 0;
    });
  }
  loop_.RunToEnd();
  EXPECT_EQ(ok, 1);
  EXPECT_EQ(slow, 4);
  EXPECT_EQ(origin.counts().refused, 4u);
  origin.SetLimit(0);
  EXPECT_TRUE(Get(origin, id).ok());
}

TEST_F(SimOriginTest, WithAQueueItServesAtItsLimit) {
  OriginOptions options;
  options.requests_per_second = 10;
  options.longest_queue = std::chrono::seconds(60);
  SimOrigin origin(loop_, pool_, options, Random(1));
  const store::ChunkId id = pool_.chunk(pool_.Make()).id();
  int ok = 0;
  for (int i = 0; i < 50; ++i) origin.Get(id, {}, [&](auto got) { ok += got.ok() ? 1 : 0; });
  loop_.RunUntil(loop_.Now() + std::chrono::seconds(2));
  EXPECT_NEAR(ok, 20, 2);
  loop_.RunToEnd();
  EXPECT_EQ(ok, 50);
}

TEST_F(SimOriginTest, ADiskKeepsWhatIsReadTwiceBeforeAScan) {
  SimDisk disk(loop_, pool_, 10);
  const auto put = [&](uint32_t chunk) {
    disk.Put(pool_.chunk(chunk), {}, [](auto result) { EXPECT_TRUE(result.ok()); });
    loop_.RunUntil(loop_.Now() + std::chrono::seconds(10));
  };
  for (int i = 0; i < 100; ++i) pool_.Make();
  for (uint32_t chunk = 0; chunk < 5; ++chunk) put(chunk);
  for (uint32_t chunk = 0; chunk < 5; ++chunk) EXPECT_TRUE(Get(disk, pool_.chunk(chunk).id()).ok());
  for (uint32_t chunk = 5; chunk < 100; ++chunk) put(chunk);  // the scan
  EXPECT_EQ(disk.size(), 10u);
  for (uint32_t chunk = 0; chunk < 5; ++chunk) EXPECT_TRUE(Get(disk, pool_.chunk(chunk).id()).ok());
  EXPECT_TRUE(absl::IsNotFound(Get(disk, pool_.chunk(50).id()).status()));
}

ClusterOptions Small(size_t nodes = 4) {
  ClusterOptions options;
  options.nodes = nodes;
  options.disk_chunks = 100;
  options.servers = 6;
  options.cache_bytes = 1e12;
  return options;
}

TEST(Cluster, AReadGoesDownTheTiersAndFillsThem) {
  ChunkPool pool(1);
  Cluster cluster(pool, Small());
  const uint32_t chunk = pool.Make();
  const auto read = [&](size_t node) {
    bool ok = false;
    cluster.Read(node, chunk, store::RequestClass::kRunning, [&](bool answered) { ok = answered; });
    cluster.loop().RunToEnd();
    EXPECT_TRUE(ok);
  };
  read(0);
  EXPECT_EQ(cluster.Answered("origin"), 1);
  read(0);
  EXPECT_EQ(cluster.Answered("disk"), 1);
  read(1);
  EXPECT_EQ(cluster.Answered("cache"), 1);
  EXPECT_EQ(cluster.Asked("origin"), 1);
  EXPECT_EQ(cluster.Asked("disk"), 3);
  EXPECT_EQ(cluster.latencies().count(), 3u);
  cluster.BeginMeasuring();
  EXPECT_EQ(cluster.Asked("disk"), 0);
  EXPECT_EQ(cluster.latencies().count(), 0u);
  EXPECT_EQ(cluster.reads().ok, 3u);
}

TEST(Cluster, EveryReadIsAnsweredOnceWhateverTheServersDo) {
  ChunkPool pool(2);
  for (int i = 0; i < 300; ++i) pool.Make();
  Cluster cluster(pool, Small(8));
  Random random(3);
  uint64_t answered = 0;
  for (int i = 0; i < 4000; ++i) {
    cluster.Read(random.Below(8), static_cast<uint32_t>(random.Below(300)),
                 store::RequestClass::kRunning, [&](bool ok) {
                   EXPECT_TRUE(ok);  // the origin lives
                   ++answered;
                 });
    cluster.loop().RunUntil(cluster.loop().Now() + FromMillis(random.Exponential(2)));
    if (i % 100 != 99) continue;
    SimServer& server = *cluster.servers()[random.Below(6)];
    switch (random.Below(5)) {
      case 0:
        server.SetState(ServerState::kDown);
        break;
      case 1:
        server.SetState(ServerState::kBlackHole);
        break;
      case 2:
        server.SetSlowness(1 + 20 * random.Uniform());
        break;
      case 3:
        server.Replace();
        break;
      default:
        server.SetState(ServerState::kUp);
        server.SetSlowness(1);
    }
  }
  cluster.loop().RunToEnd();
  EXPECT_EQ(answered, 4000u);
  EXPECT_EQ(cluster.reads().reads, 4000u);
  EXPECT_EQ(cluster.reads().ok, 4000u);
  EXPECT_EQ(cluster.reads().wrong, 0u);
  // What came from below the disk came once each: joined readers are the rest.
  EXPECT_LE(cluster.Answered("disk") + cluster.Answered("cache") + cluster.Answered("origin"),
            4000);
  EXPECT_GT(cluster.Answered("origin"), 0);
}

TEST(Starts, ReadTheirChunksInOrderAndEndOnce) {
  ChunkPool pool(1);
  StartChunks chunks(30);
  for (uint32_t& chunk : chunks) chunk = pool.Make();
  Cluster cluster(pool, Small());
  int ended = 0;
  RunStart(cluster, 0, chunks, 4, [&](bool ok) {
    EXPECT_TRUE(ok);
    ++ended;
  });
  cluster.loop().RunToEnd();
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(cluster.reads().reads, 30u);
  RunStart(cluster, 1, {}, 4, [&](bool ok) {
    EXPECT_TRUE(ok);
    ++ended;
  });
  EXPECT_EQ(ended, 2);
}

TEST(Starts, AFailedChunkEndsTheStart) {
  ChunkPool pool(1);
  ChunkPool elsewhere(2);
  StartChunks chunks(30);
  for (uint32_t& chunk : chunks) chunk = pool.Make();
  ClusterOptions options = Small();
  options.servers = 0;
  options.origin.requests_per_second = 1e-3;  // one, then nothing for a long time
  Cluster cluster(pool, options);
  int failed = 0;
  RunStart(cluster, 0, chunks, 4, [&](bool ok) { failed += ok ? 0 : 1; });
  cluster.loop().RunToEnd();
  EXPECT_EQ(failed, 1);
  EXPECT_LT(cluster.reads().reads, 30u);
  EXPECT_EQ(cluster.reads().reads, cluster.reads().ok + cluster.reads().failed);
}

TEST(Trace, PlaysEveryStartOnce) {
  Catalog catalog({200, 10}, 1);
  Cluster cluster(catalog.chunks(), Small(10));
  TraceOptions options;
  options.starts_per_second = 50;
  options.cron_share = 0.2;
  options.arrivals_an_upload = 20;
  Trace trace(cluster, catalog, options, Random(4));
  trace.Play(500);
  EXPECT_EQ(trace.counts().starts, 500u);
  EXPECT_EQ(trace.counts().ok, 500u);
  trace.Play(100);
  EXPECT_EQ(trace.counts().starts, 600u);
  EXPECT_GT(catalog.images(), 205u);
  EXPECT_EQ(cluster.reads().failed, 0u);
}

TEST(PlainRing, GivesDifferentServersAndMovesFewKeys) {
  std::vector<std::string> names;
  for (int i = 0; i < 10; ++i) names.push_back("server" + std::to_string(i));
  const PlainRing ring(names, 100);
  names.push_back("one more");
  const PlainRing more(names, 100);
  ChunkPool pool(1);
  int moved = 0;
  for (int i = 0; i < 2000; ++i) {
    const store::ChunkId id = pool.chunk(pool.Make()).id();
    const std::vector<uint16_t> servers = ring.ServersOf(id, 5);
    EXPECT_EQ(std::set<uint16_t>(servers.begin(), servers.end()).size(), 5u);
    moved += servers[0] != more.ServersOf(id, 5)[0] ? 1 : 0;
  }
  EXPECT_NEAR(moved / 2000.0, 1 / 11.0, 0.04);
  EXPECT_EQ(PlainRing({"one"}, 3).ServersOf(store::ChunkId{}, 5).size(), 1u);
}

}  // namespace
}  // namespace floe::sim
