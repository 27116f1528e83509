// SPDX-License-Identifier: Apache-2.0
// Empty tiers, and an origin that can do a tenth of the demand: does the fleet get what the origin
// can give, and does it come back by itself when the limit is lifted?
#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/sim/catalog.h"
#include "bench/sim/cluster.h"
#include "bench/sim/constants.h"
#include "bench/sim/experiments.h"
#include "bench/sim/starts.h"

namespace floe::sim {
namespace {

constexpr double kStartEverySeconds = 2;  // on each node [A]
constexpr double kOverloadSeconds = 120;
constexpr double kBucketSeconds = 5;
constexpr double kLimitShare = 0.1;  // of the demand
// A start that failed or was refused comes again after about so long: the first back-off of a
// container that crashes (Kubernetes: 10 s).
constexpr double kRestartSeconds = 10;
// What saying no costs an origin, of the work of a request [A].
constexpr double kRefusalCost = 0.05;
constexpr size_t kStormPoolChunks = 1 << 13;  // a node reads none of them in two starts

enum class Overload {
  kRefuses,       // beyond its limit it says SlowDown at once, as S3 does
  kQueues,        // it lets requests wait, up to ten seconds
  kFailsSilently  // it refuses, but without saying why
};

struct StormSetup {
  size_t nodes = 0;
  Overload overload = Overload::kRefuses;
  bool budget = true;  // of retries
  bool gate = true;    // new starts are refused when the origin is full
};

// One fleet through the overload and after it.
class Storm {
 public:
  Storm(const RunOptions& options, const StormSetup& setup)
      : pool_(options.seed),
        length_(kOverloadSeconds * options.scale),
        limit_(kLimitShare * kChunksAStart / kStartEverySeconds * static_cast<double>(setup.nodes)),
        gate_(setup.gate),
        cluster_(pool_, OptionsOf(options, setup, limit_)),
        random_(Random(options.seed).Fork(9)),
        next_chunk_(setup.nodes, 0) {
    while (pool_.size() < kStormPoolChunks) pool_.Make();
  }

  // By kStormColumns.
  std::vector<double> Measure() {
    for (size_t node = 0; node < cluster_.nodes(); ++node) ArriveOn(node);
    CountBuckets();
    cluster_.loop().RunUntil(cluster_.loop().Now() + FromSeconds(length_));
    const double under_load = SentOverNeeded();
    const auto failed_under_load = static_cast<double>(cluster_.reads().failed);
    cluster_.origin().SetLimit(0);
    const Duration lifted = cluster_.loop().elapsed();
    cluster_.loop().RunToEnd();
    return {MeanGoodput() / limit_ * 100,
            LeastGoodput() / limit_ * 100,
            under_load,
            SentOverNeeded(),
            failed_under_load,
            static_cast<double>(arrived_),
            static_cast<double>(finished_),
            static_cast<double>(refused_),
            Seconds(last_finish_ - lifted)};
  }

 private:
  static ClusterOptions OptionsOf(const RunOptions& run, const StormSetup& setup, double limit) {
    ClusterOptions options;
    options.seed = run.seed;
    options.nodes = setup.nodes;
    options.servers = 0;
    options.disk_chunks = kStormPoolChunks;
    if (!setup.budget) options.guard.retry.budget = options.guard.retry.budget_burst = 1e9;
    options.origin.requests_per_second = limit;
    options.origin.longest_queue = setup.overload == Overload::kQueues
                                       ? Duration(std::chrono::seconds(10))
                                       : Duration(std::chrono::milliseconds(100));
    options.origin.tells_to_slow_down = setup.overload != Overload::kFailsSilently;
    options.origin.refusal_cost = kRefusalCost;
    return options;
  }

  // Requests to the origin over chunks that it brought.
  double SentOverNeeded() {
    const OriginCounts& counts = cluster_.origin().counts();
    return static_cast<double>(counts.asked) /
           static_cast<double>(std::max<uint64_t>(counts.served, 1));
  }

  void ArriveOn(size_t node) {
    const Duration wait = FromSeconds(random_.Exponential(kStartEverySeconds));
    if (Seconds(cluster_.loop().elapsed() + wait) >= length_) return;
    cluster_.loop().RunAfter(wait, [this, node] {
      StartChunks chunks(kChunksAStart);
      for (uint32_t& chunk : chunks) chunk = next_chunk_[node]++ % kStormPoolChunks;
      ++arrived_;
      Start(node, chunks);
      ArriveOn(node);
    });
  }

  // Until it succeeds, as kubelet does. What a start has read stays on the node's disk.
  void Start(size_t node, const StartChunks& chunks) {
    if (gate_ && !cluster_.Admits(node)) {
      ++refused_;
      return ComeAgain(node, chunks);
    }
    RunStart(cluster_, node, chunks, 4, [this, node, chunks](bool ok) {
      if (!ok) return ComeAgain(node, chunks);
      ++finished_;
      last_finish_ = cluster_.loop().elapsed();
    });
  }

  void ComeAgain(size_t node, const StartChunks& chunks) {
    cluster_.loop().RunAfter(FromSeconds(kRestartSeconds * (0.5 + random_.Uniform())),
                             [this, node, chunks] { Start(node, chunks); });
  }

  // What the origin served, a bucket of time at a time, as long as the overload lasts.
  void CountBuckets() {
    cluster_.loop().RunAfter(FromSeconds(kBucketSeconds), [this] {
      if (Seconds(cluster_.loop().elapsed()) > length_) return;
      const uint64_t served = cluster_.origin().counts().served;
      buckets_.push_back(static_cast<double>(served - served_before_) / kBucketSeconds);
      served_before_ = served;
      CountBuckets();
    });
  }
  double MeanGoodput() const {
    double sum = 0;
    for (const double bucket : buckets_) sum += bucket;
    return buckets_.empty() ? 0 : sum / static_cast<double>(buckets_.size());
  }
  double LeastGoodput() const {
    return buckets_.empty() ? 0 : *std::min_element(buckets_.begin(), buckets_.end());
  }

  ChunkPool pool_;
  const double length_;
  const double limit_;
  const bool gate_;
  Cluster cluster_;
  Random random_;
  std::vector<uint32_t> next_chunk_;
  std::vector<double> buckets_;
  uint64_t served_before_ = 0;
  uint64_t arrived_ = 0;
  uint64_t finished_ = 0;
  uint64_t refused_ = 0;
  Duration last_finish_{};
};

const std::vector<std::string> kStormColumns = {"goodput %", "least %",      "sent/needed",
                                                "in all",    "failed reads", "starts",
                                                "finished",  "refused",      "finished after s"};

}  // namespace

Report RunMetastability(const RunOptions& options) {
  Report report{"metastability", options.seed, options.nodes, options.scale};
  Table table{"Demand ten times what the origin can do", kStormColumns};
  std::vector<size_t> sizes = {50, 2000};
  if (options.nodes > 0) sizes = {options.nodes};
  for (const size_t nodes : sizes) {
    const auto add = [&](const std::string& name, const StormSetup& setup) {
      table.Add(absl::StrFormat("%d nodes: %s", nodes, name), Storm(options, setup).Measure());
    };
    add("origin refuses", {nodes, Overload::kRefuses});
    add("origin queues", {nodes, Overload::kQueues});
    add("origin fails silently", {nodes, Overload::kFailsSilently});
    add("origin refuses, no retry budget", {nodes, Overload::kRefuses, false});
    add("origin refuses, no gate", {nodes, Overload::kRefuses, true, false});
    add("origin queues, neither", {nodes, Overload::kQueues, false, false});
  }
  report.tables = {table};
  return report;
}

}  // namespace floe::sim
