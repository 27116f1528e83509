// SPDX-License-Identifier: Apache-2.0
// The first k of k+r against single copies: the paper's Figure 9, and one server ten times slower.
#include "absl/strings/str_cat.h"
#include "bench/sim/catalog.h"
#include "bench/sim/cluster.h"
#include "bench/sim/constants.h"
#include "bench/sim/experiments.h"

namespace floe::sim {
namespace {

constexpr size_t kTailReads = 200'000;
constexpr size_t kTailChunks = 2'000;
constexpr size_t kTailNodes = 20;
// Half of what Figure 9's servers could send is far from what they do: queues are not the subject.
constexpr double kLinkShare = 0.2;

const std::vector<std::string> kTailColumns = {"p10 ms", "p50 ms", "p75 ms",   "p90 ms",
                                               "p95 ms", "p99 ms", "p99.9 ms", "hit %"};

struct TailSetup {
  cache::Code code = {};
  size_t servers = 20;
  size_t slow_servers = 0;
  Duration miss_decision = std::chrono::milliseconds(50);  // Figure 9 has no deadline
};

std::unique_ptr<Cluster> WarmCluster(ChunkPool& pool, const RunOptions& options,
                                     const TailSetup& setup) {
  ClusterOptions cluster;
  cluster.seed = options.seed;
  cluster.nodes = options.nodes > 0 ? options.nodes : kTailNodes;
  cluster.servers = setup.servers;
  cluster.cache_bytes = 1e15;
  cluster.cache.code = setup.code;
  cluster.cache.miss_decision =
      std::chrono::duration_cast<std::chrono::microseconds>(setup.miss_decision);
  auto warm = std::make_unique<Cluster>(pool, cluster);
  for (uint32_t chunk = 0; chunk < kTailChunks; ++chunk) {
    warm->ReadShared(chunk % warm->nodes(), chunk, [](bool) {});
    warm->loop().RunUntil(warm->loop().Now() + std::chrono::milliseconds(5));
  }
  warm->loop().RunToEnd();
  return warm;
}

void PlayReads(Cluster& cluster, const RunOptions& options, size_t servers) {
  Random random = Random(options.seed).Fork(5);
  const double rate =
      kLinkShare * kServerLinkBytesPerSecond * static_cast<double>(servers) / (kChunkBytes * 1.25);
  const size_t reads = options.Scaled(kTailReads);
  for (size_t i = 0; i < reads; ++i) {
    cluster.ReadShared(random.Below(cluster.nodes()),
                       static_cast<uint32_t>(random.Below(kTailChunks)), [](bool) {});
    cluster.loop().RunUntil(cluster.loop().Now() + FromSeconds(random.Exponential(1 / rate)));
  }
  cluster.loop().RunToEnd();
}

std::vector<double> MeasureTail(const RunOptions& options, const TailSetup& setup) {
  ChunkPool pool(options.seed);
  while (pool.size() < kTailChunks) pool.Make();
  const std::unique_ptr<Cluster> cluster = WarmCluster(pool, options, setup);
  for (size_t i = 0; i < setup.slow_servers; ++i) cluster->servers()[i]->SetSlowness(10);
  cluster->BeginMeasuring();
  PlayReads(*cluster, options, setup.servers);
  Latencies& l = cluster->latencies();
  return {l.Millis(0.10),  l.Millis(0.50),
          l.Millis(0.75),  l.Millis(0.90),
          l.Millis(0.95),  l.Millis(0.99),
          l.Millis(0.999), 100 * cluster->Answered("cache") / cluster->Asked("cache")};
}

Table FigureNine(const RunOptions& options) {
  const double none = kNotStated;
  Table table{"Whole fetches (Figure 9: 20 servers, no deadline)", kTailColumns};
  table.Add("paper, 4 of 5", {1.14, 1.28, 1.39, 1.51, 1.60, 1.96, none, none});
  table.Add("floe, 4 of 5 (4+1)", MeasureTail(options, {{4, 1}}));
  table.Add("paper, 4 of 4", {1.22, 1.43, 1.69, 2.34, 3.02, none, none, none});
  table.Add("floe, 4 of 4 (4+0)", MeasureTail(options, {{4, 0}}));
  table.Add("floe, one copy (1+0)", MeasureTail(options, {{1, 0}}));
  table.Add("floe, two copies (1+1)", MeasureTail(options, {{1, 1}}));
  table.Add("floe, 10 of 12 (10+2)", MeasureTail(options, {{10, 2}}));
  return table;
}

Table OneSlow(const RunOptions& options) {
  const Duration decision = cache::CacheOptions{}.miss_decision;
  Table table{"One of five servers ten times slower (misses decided at 5 ms, origin behind)",
              kTailColumns};
  table.Add("4+1, healthy", MeasureTail(options, {{4, 1}, 5, 0, decision}));
  table.Add("4+1, one slow", MeasureTail(options, {{4, 1}, 5, 1, decision}));
  table.Add("1+1, healthy", MeasureTail(options, {{1, 1}, 5, 0, decision}));
  table.Add("1+1, one slow", MeasureTail(options, {{1, 1}, 5, 1, decision}));
  table.Add("1+0, healthy", MeasureTail(options, {{1, 0}, 5, 0, decision}));
  table.Add("1+0, one slow", MeasureTail(options, {{1, 0}, 5, 1, decision}));
  return table;
}

}  // namespace

Report RunTail(const RunOptions& options) {
  Report report{"tail", options.seed, options.nodes > 0 ? options.nodes : kTailNodes,
                options.scale};
  report.tables = {FigureNine(options), OneSlow(options)};
  const Table& slow = report.tables[1];
  for (const char* code : {"4+1", "1+1", "1+0"}) {
    report.findings.push_back(absl::StrCat(code, ": p99 with one slow server over healthy: ",
                                           slow.At(absl::StrCat(code, ", one slow"), "p99 ms") /
                                               slow.At(absl::StrCat(code, ", healthy"), "p99 ms")));
  }
  return report;
}

}  // namespace floe::sim
