// SPDX-License-Identifier: Apache-2.0
// One cold chunk that a thousand nodes want at once: with the lease, and without.
#include "absl/strings/str_cat.h"
#include "bench/sim/catalog.h"
#include "bench/sim/cluster.h"
#include "bench/sim/constants.h"
#include "bench/sim/experiments.h"

namespace floe::sim {
namespace {

constexpr size_t kHerdNodes = 1000;

struct HerdSetup {
  bool lease = true;
  double spread_seconds = 0;  // the nodes come within so long a time
  store::RequestClass request_class = store::RequestClass::kStart;
  bool holder_dies = false;  // the node that has the lease never fills
};

std::vector<double> MeasureHerd(const RunOptions& options, const HerdSetup& setup) {
  ChunkPool pool(options.seed);
  ClusterOptions cluster_options;
  cluster_options.seed = options.seed;
  cluster_options.nodes = options.nodes > 0 ? options.nodes : kHerdNodes;
  cluster_options.cache_bytes = 1e15;
  cluster_options.cache.lease.enabled = setup.lease;
  Cluster cluster(pool, cluster_options);
  const uint32_t chunk = pool.Make();
  if (setup.holder_dies) {
    // It asks and misses, has the lease, and is never heard of again: nothing fills the cache.
    cluster.cache_of(0).Get(pool.chunk(chunk).id(), {}, [](const auto&) {});
    cluster.loop().RunUntil(cluster.loop().Now() + std::chrono::milliseconds(20));
  }
  Random random = Random(options.seed).Fork(3);
  for (size_t node = setup.holder_dies ? 1 : 0; node < cluster.nodes(); ++node) {
    cluster.loop().RunAfter(FromSeconds(random.Uniform() * setup.spread_seconds), [&, node] {
      cluster.Read(node, chunk, setup.request_class, [](bool) {});
    });
  }
  cluster.loop().RunToEnd();
  double gets = 0;
  for (const auto& server : cluster.servers()) gets += static_cast<double>(server->counts().gets);
  Latencies& l = cluster.latencies();
  return {cluster.Asked("origin"),
          static_cast<double>(cluster.reads().ok),
          static_cast<double>(cluster.reads().failed),
          l.Millis(0.5),
          l.Millis(0.99),
          l.Millis(1.0),
          gets / static_cast<double>(cluster.nodes())};
}

}  // namespace

Report RunHerd(const RunOptions& options) {
  Report report{"herd", options.seed, options.nodes > 0 ? options.nodes : kHerdNodes,
                options.scale};
  Table table{"One cold chunk",
              {"origin requests", "answered", "failed", "p50 ms", "p99 ms", "longest ms",
               "cache gets a node"}};
  using store::RequestClass;
  table.Add("no lease, all at once", MeasureHerd(options, {false, 0}));
  table.Add("lease, all at once", MeasureHerd(options, {true, 0}));
  table.Add("no lease, within 100 ms", MeasureHerd(options, {false, 0.1}));
  table.Add("lease, within 100 ms", MeasureHerd(options, {true, 0.1}));
  table.Add("lease, all at once, running reads",
            MeasureHerd(options, {true, 0, RequestClass::kRunning}));
  table.Add("lease, all at once, its holder dies",
            MeasureHerd(options, {true, 0, RequestClass::kStart, true}));
  report.findings.push_back(
      absl::StrCat("the lease turns ", table.At("no lease, all at once", "origin requests"),
                   " origin requests into ", table.At("lease, all at once", "origin requests")));
  report.tables = {table};
  return report;
}

}  // namespace floe::sim
