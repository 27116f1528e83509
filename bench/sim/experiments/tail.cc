// SPDX-License-Identifier: Apache-2.0
// The first k of k+r against single copies: the paper's Figure 9, and one server ten times slower.
#include "absl/strings/str_format.h"
#include "bench/sim/catalog.h"
#include "bench/sim/cluster.h"
#include "bench/sim/constants.h"
#include "bench/sim/experiments.h"

namespace floe::sim {
namespace {

constexpr size_t kTailReads = 200'000;
constexpr size_t kReadsAChunk = 100;
constexpr size_t kTailNodes = 20;
// Half of what Figure 9's servers could send is far from what they do: queues are not the subject.
constexpr double kLinkShare = 0.2;

const std::vector<std::string> kTailColumns = {"p10 ms", "p50 ms", "p75 ms",   "p90 ms",
                                               "p95 ms", "p99 ms", "p99.9 ms", "hit %"};

struct TailSetup {
  cache::Code code = {};
  size_t servers = 20;
  double slowness = 1;  // of one server; 0: it takes everything and answers nothing
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
  for (uint32_t chunk = 0; chunk < pool.size(); ++chunk) {
    warm->ReadShared(chunk % warm->nodes(), chunk, [](bool) {});
    warm->loop().RunUntil(warm->loop().Now() + std::chrono::milliseconds(5));
  }
  warm->loop().RunToEnd();
  return warm;
}

void PlayReads(Cluster& cluster, const RunOptions& options, size_t chunks, size_t servers) {
  Random random = Random(options.seed).Fork(5);
  const double rate =
      kLinkShare * kServerLinkBytesPerSecond * static_cast<double>(servers) / (kChunkBytes * 1.25);
  const size_t reads = options.Scaled(kTailReads);
  for (size_t i = 0; i < reads; ++i) {
    cluster.ReadShared(random.Below(cluster.nodes()), static_cast<uint32_t>(random.Below(chunks)),
                       [](bool) {});
    cluster.loop().RunUntil(cluster.loop().Now() + FromSeconds(random.Exponential(1 / rate)));
  }
  cluster.loop().RunToEnd();
}

std::vector<double> MeasureTail(const RunOptions& options, const TailSetup& setup) {
  ChunkPool pool(options.seed);
  while (pool.size() < options.Scaled(kTailReads) / kReadsAChunk + 100) pool.Make();
  const std::unique_ptr<Cluster> cluster = WarmCluster(pool, options, setup);
  if (setup.slowness > 0) {
    cluster->servers()[0]->SetSlowness(setup.slowness);
  } else {
    cluster->servers()[0]->SetState(ServerState::kBlackHole);
  }
  cluster->BeginMeasuring();
  PlayReads(*cluster, options, pool.size(), setup.servers);
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

// Healthy, one of five ten times slower, one of five silent: misses decided after `decision`.
void AddFaults(Table& table, const RunOptions& options, const cache::Code& code,
               Duration decision) {
  const std::string name =
      absl::StrFormat("%d+%d, %.0f ms", code.k, code.r, Seconds(decision) * 1e3);
  table.Add(name + ", healthy", MeasureTail(options, {code, 5, 1, decision}));
  table.Add(name + ", one slow", MeasureTail(options, {code, 5, 10, decision}));
  table.Add(name + ", one silent", MeasureTail(options, {code, 5, 0, decision}));
}

Table OneSlow(const RunOptions& options) {
  Table table{"One of five servers ten times slower or silent (misses decided at, origin behind)",
              kTailColumns};
  const Duration decision = cache::CacheOptions{}.miss_decision;
  for (const cache::Code code : {cache::Code{4, 1}, {3, 2}, {1, 1}, {1, 0}}) {
    AddFaults(table, options, code, decision);
  }
  for (const int ms : {10, 20, 40}) {
    AddFaults(table, options, {4, 1}, std::chrono::milliseconds(ms));
  }
  return table;
}

}  // namespace

Report RunTail(const RunOptions& options) {
  Report report{"tail", options.seed, options.nodes > 0 ? options.nodes : kTailNodes,
                options.scale};
  report.tables = {FigureNine(options), OneSlow(options)};
  const Table& slow = report.tables[1];
  for (size_t row = 0; row + 1 < slow.rows.size(); row += 3) {
    const double healthy = slow.At(slow.rows[row].first, "p99 ms");
    report.findings.push_back(
        absl::StrFormat("%s: p99 is %.2f times the healthy one", slow.rows[row + 1].first,
                        slow.At(slow.rows[row + 1].first, "p99 ms") / healthy));
  }
  return report;
}

}  // namespace floe::sim
