// SPDX-License-Identifier: Apache-2.0
// How much cache for which hit rate, and the paper's shares of reads by tier.
#include "absl/strings/str_format.h"
#include "bench/sim/catalog.h"
#include "bench/sim/cluster.h"
#include "bench/sim/constants.h"
#include "bench/sim/experiments.h"
#include "bench/sim/starts.h"

namespace floe::sim {
namespace {

constexpr size_t kHitNodes = 100;
constexpr size_t kStartsANode = 240;  // of the warm-up, and again of the measurement
// What the paper does not state, chosen so that the node's share comes near its: the rest follows.
constexpr double kDiskShare = 0.12;
constexpr double kCacheShare = 1.25;

struct HitShares {
  double disk = 0;  // % of reads
  double cache = 0;
  double origin = 0;
  double cache_hit_rate = 0;  // % of what the cache was asked
  double failed = 0;
  double dedup = 0;
};

struct HitSetup {
  double disk_share = 0;   // of the distinct chunks, on each node
  double cache_share = 0;  // of the distinct chunks' bytes with parity, in the shared cache
  double cron_share = kCronShare;
};

HitShares Measure(const RunOptions& options, const HitSetup& setup) {
  // A shorter run has fewer images to get to know.
  const CatalogOptions images;
  Catalog catalog({options.Scaled(images.images), options.Scaled(images.families)}, options.seed);
  ClusterOptions cluster_options;
  cluster_options.seed = options.seed;
  cluster_options.nodes = options.nodes > 0 ? options.nodes : kHitNodes;
  const auto distinct = static_cast<double>(catalog.chunks().size());
  cluster_options.disk_chunks = static_cast<size_t>(distinct * setup.disk_share);
  cluster_options.cache_bytes = distinct * kChunkBytes * 1.25 * setup.cache_share;
  Cluster cluster(catalog.chunks(), cluster_options);
  TraceOptions trace;
  trace.starts_per_second = static_cast<double>(cluster.nodes()) / 10;
  trace.cron_share = setup.cron_share;
  const size_t starts = options.Scaled(cluster.nodes() * kStartsANode);
  Trace player(cluster, catalog, trace, Random(options.seed).Fork(77));
  player.Play(starts);
  cluster.BeginMeasuring();
  player.Play(starts);
  // Readers that joined another's fetch count where that fetch ended.
  const double on_node = 100 * cluster.Answered("disk") / cluster.Asked("disk");
  const double by_cache = cluster.Answered("cache");
  const double by_origin = cluster.Answered("origin");
  const double from_cache = by_cache / (by_cache + by_origin);
  return {on_node,
          (100 - on_node) * from_cache,
          (100 - on_node) * (1 - from_cache),
          100 * by_cache / cluster.Asked("cache"),
          static_cast<double>(cluster.reads().failed),
          catalog.DedupFactor()};
}

const std::vector<std::string> kShareColumns = {"node %", "shared %", "origin %", "shared hit %",
                                                "failed reads"};

void AddShares(Table& table, const std::string& row, const HitShares& shares) {
  table.Add(row, {shares.disk, shares.cache, shares.origin, shares.cache_hit_rate, shares.failed});
}

}  // namespace

Report RunHits(const RunOptions& options) {
  Report report{"hits", options.seed, options.nodes > 0 ? options.nodes : kHitNodes, options.scale};
  Table paper{"Shares of reads by tier", kShareColumns};
  paper.Add("paper, medians of a week", {67, 32, 0.06, 99.9, kNotStated});
  const HitShares like_paper = Measure(options, {kDiskShare, kCacheShare});
  AddShares(paper, "floe: node 12 %, shared 125 %", like_paper);
  AddShares(paper, "floe: the same without starts by a clock",
            Measure(options, {kDiskShare, kCacheShare, 0}));

  Table disk{"The node's tier, in distinct chunks (shared cache: 125 %)", kShareColumns};
  for (const double share : {0.02, 0.05, kDiskShare, 0.25, 0.50}) {
    AddShares(disk, absl::StrFormat("%.0f %%", 100 * share),
              share == kDiskShare ? like_paper : Measure(options, {share, kCacheShare}));
  }
  Table shared{"The shared cache, in distinct chunks (node's tier: 12 %)", kShareColumns};
  for (const double share : {0.10, 0.25, 0.50, 0.75, 1.0, kCacheShare}) {
    AddShares(shared, absl::StrFormat("%.0f %%", 100 * share),
              share == kCacheShare ? like_paper : Measure(options, {kDiskShare, share}));
  }
  report.tables = {paper, disk, shared};
  report.findings.push_back(absl::StrFormat(
      "images deduplicate %.0f times (the paper: up to 23, and 5 times more by copies)",
      like_paper.dedup));
  return report;
}

}  // namespace floe::sim
