// SPDX-License-Identifier: Apache-2.0
// Servers lost and replaced: how much of what the cache had must come from the origin again, by how
// the replacements get their shards.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bench/sim/catalog.h"
#include "bench/sim/cluster.h"
#include "bench/sim/constants.h"
#include "bench/sim/experiments.h"

namespace floe::sim {
namespace {

using cache::Replacement;

// [IC 5.2] a cache that loses (almost) nothing finds 65.9 % of the gets of large objects; [IC 2.1]
// 37 % to 46 % of gets come again within an hour: 42 of the 65.9.
constexpr double kReuseShare = 0.659;
constexpr double kReuseWithinAnHour = 0.42 / 0.659;

struct LossSetup {
  size_t nodes = 0;
  size_t servers = 0;
  cache::Code code = {};
  double hours = 0;
  double reads_an_hour = 0;
  size_t chunks = 0;           // drawn by popularity; 0: the reuse of the registry traces
  bool filled_before = false;  // the cache has everything when the run begins
  double losses_an_hour = 0;   // at random; a lost server's place is taken at once
  double rolling_seconds = 0;  // else: one server after another, so far apart
  double down_seconds = 1;     // until the replacement answers
  Replacement replacement = Replacement::kCold;
  double standby_seconds = 0;  // a copy of each server, so old at most; 0: none
  bool sync_stops = true;      // when others have done the work
};

class LossRun {
 public:
  LossRun(const RunOptions& options, const LossSetup& setup)
      : setup_(setup),
        pool_(options.seed),
        cluster_(pool_, OptionsOf(options, setup)),
        random_(Random(options.seed).Fork(21)),
        popularity_(std::max<size_t>(setup.chunks, 1), kPopularityExponent),
        seconds_(setup.hours * 3600 * options.scale) {
    while (pool_.size() < setup.chunks) pool_.Make();
  }

  // By LossColumns.
  std::vector<double> Measure() {
    if (setup_.filled_before) Fill();
    // Any stand-by has copied all that.
    cluster_.loop().RunUntil(cluster_.loop().Now() + std::chrono::hours(1));
    cluster_.BeginMeasuring();
    begun_ = cluster_.loop().elapsed();
    const uint64_t again_before = cluster_.origin().counts().again;
    ReadNext();
    LoseNext(0);
    CloseMinute(0, 0);
    cluster_.loop().RunToEnd();
    const double hits = cluster_.Answered("cache");
    const auto resets = static_cast<double>(cluster_.origin().counts().again - again_before);
    double written = 0;
    double sent = 0;
    for (const auto& server : cluster_.servers()) {
      written += server->counts().bytes_in;
      sent += server->counts().bytes_out;
    }
    if (setup_.standby_seconds > 0) written *= 2;  // what a server stores, its stand-by does too
    return {100 * hits / cluster_.Asked("cache"),
            100 * hits / (hits + resets),
            worst_minute_,
            resets,
            losses_,
            written / 1e9,
            sent / 1e9,
            static_cast<double>(cluster_.reads().failed)};
  }

 private:
  static ClusterOptions OptionsOf(const RunOptions& run, const LossSetup& setup) {
    ClusterOptions options;
    options.seed = run.seed;
    options.nodes = setup.nodes;
    options.servers = setup.servers;
    options.cache_bytes = 1e15;  // what is lost is lost with a server
    options.cache.code = setup.code;
    options.cache.repair.replacement = setup.replacement;
    if (!setup.sync_stops) options.cache.repair.sync_until_whole = 1 << 30;
    // Stragglers are not what is studied: a miss is an absence.
    options.cache.miss_decision = std::chrono::milliseconds(60);
    return options;
  }

  void Fill() {
    for (uint32_t chunk = 0; chunk < setup_.chunks; ++chunk) {
      cluster_.ReadShared(chunk % cluster_.nodes(), chunk, [](bool) {});
      if (chunk % 64 == 0) {
        cluster_.loop().RunUntil(cluster_.loop().Now() + std::chrono::milliseconds(20));
      }
    }
    cluster_.loop().RunToEnd();
  }

  bool Over() { return Seconds(cluster_.loop().elapsed() - begun_) >= seconds_; }

  void ReadNext() {
    if (Over()) return;
    const uint32_t chunk = PickChunk();
    cluster_.ReadShared(random_.Below(cluster_.nodes()), chunk, [](bool) {});
    cluster_.loop().RunAfter(FromSeconds(random_.Exponential(3600 / setup_.reads_an_hour)),
                             [this] { ReadNext(); });
  }

  uint32_t PickChunk() {
    if (setup_.chunks > 0) return static_cast<uint32_t>(popularity_.Sample(random_));
    const bool again = !history_.empty() && random_.Uniform() < kReuseShare;
    if (!again) {
      history_.emplace_back(cluster_.loop().Now(), pool_.Make());
      return history_.back().second;
    }
    size_t first = 0;
    if (random_.Uniform() < kReuseWithinAnHour) {
      const auto recent =
          std::lower_bound(history_.begin(), history_.end(),
                           std::pair(cluster_.loop().Now() - std::chrono::hours(1), uint32_t{0}));
      first = std::min(static_cast<size_t>(recent - history_.begin()), history_.size() - 1);
    }
    const uint32_t chunk = history_[first + random_.Below(history_.size() - first)].second;
    history_.emplace_back(cluster_.loop().Now(), chunk);
    return chunk;
  }

  void LoseNext(size_t server) {
    const double wait = setup_.rolling_seconds > 0
                            ? setup_.rolling_seconds
                            : random_.Exponential(3600 / setup_.losses_an_hour);
    cluster_.loop().RunAfter(FromSeconds(wait), [this, server] {
      if (Over()) return;
      const bool rolling = setup_.rolling_seconds > 0;
      if (rolling && server >= cluster_.servers().size()) return;
      const size_t lost = rolling ? server : random_.Below(cluster_.servers().size());
      ++losses_;
      Lose(*cluster_.servers()[lost]);
      LoseNext(server + 1);
    });
  }

  // The server is gone for a while, then another one answers under its name: empty, or with what
  // its stand-by had copied.
  void Lose(SimServer& server) {
    SteadyTime synced = SteadyTime::min();
    if (setup_.standby_seconds > 0) {
      synced = cluster_.loop().Now() - FromSeconds(setup_.standby_seconds * random_.Uniform());
    }
    server.SetState(ServerState::kDown);
    cluster_.loop().RunAfter(FromSeconds(setup_.down_seconds),
                             [&server, synced] { server.Replace(synced); });
  }

  void CloseMinute(double hits_before, double asked_before) {
    cluster_.loop().RunAfter(std::chrono::minutes(1), [this, hits_before, asked_before] {
      const double hits = cluster_.Answered("cache");
      const double asked = cluster_.Asked("cache");
      if (asked > asked_before) {
        worst_minute_ =
            std::min(worst_minute_, 100 * (hits - hits_before) / (asked - asked_before));
      }
      if (!Over()) CloseMinute(hits, asked);
    });
  }

  const LossSetup setup_;
  ChunkPool pool_;
  Cluster cluster_;
  Random random_;
  Zipf popularity_;
  const double seconds_;
  Duration begun_{};
  std::vector<std::pair<SteadyTime, uint32_t>> history_;  // reads, oldest first
  double losses_ = 0;
  double worst_minute_ = 100;
};

const std::vector<std::string> kLossColumns = {"hit %",  "available %", "worst min %", "resets",
                                               "losses", "GB in",       "GB out",      "failed"};

struct Policy {
  std::string name;
  Replacement replacement;
  double standby_seconds;
};
const std::vector<Policy>& Policies() {
  static const std::vector<Policy> all = {
      {"cold", Replacement::kCold, 0},
      {"warmed by reads", Replacement::kWarmed, 0},
      {"delta-synced by nodes", Replacement::kDeltaSynced, 0},
      {"stand-by of 5 min, cold", Replacement::kCold, 300},
  };
  return all;
}

void AddPolicies(Table& table, const RunOptions& options, LossSetup setup) {
  for (const Policy& policy : Policies()) {
    setup.replacement = policy.replacement;
    setup.standby_seconds = policy.standby_seconds;
    table.Add(policy.name, LossRun(options, setup).Measure());
  }
}

// [IC 5.2, large objects] 50 hours; 21,022 hits at 56.1 % without backup are 37,473 gets.
LossSetup InfiniCache() {
  LossSetup setup;
  setup.nodes = 4;
  setup.servers = kInfiniCacheServers;
  setup.code = {10, 2};
  setup.hours = 50;
  setup.reads_an_hour = 750;
  setup.losses_an_hour = kInfiniCacheLossesAnHour;
  return setup;
}

// A fleet like ours: every server replaced once, one a minute.
LossSetup Rolling(size_t nodes, double reads_a_second) {
  LossSetup setup;
  setup.nodes = nodes;
  setup.servers = 20;
  setup.code = {4, 1};
  setup.hours = 0.4;
  setup.reads_an_hour = reads_a_second * 3600;
  setup.chunks = static_cast<size_t>(40 * reads_a_second);
  setup.filled_before = true;
  setup.rolling_seconds = 60;
  setup.down_seconds = 15;
  return setup;
}

}  // namespace

Report RunLoss(const RunOptions& options) {
  Report report{"loss", options.seed, options.nodes, options.scale};
  Table infini{"InfiniCache: 400 servers, 10+2, 36 lost an hour, 50 hours of the Dallas trace",
               kLossColumns};
  const double none = kNotStated;
  infini.Add("paper, no backup", {56.1, 81.4, none, 3912, none, none, none, none});
  infini.Add("paper, delta-sync", {65.9, 95.4, none, 1085, none, none, none, none});
  AddPolicies(infini, options, InfiniCache());
  Table rolling{"Rolling: 20 servers, 4+1, one replaced a minute, 10 reads/s by each of 50 nodes",
                kLossColumns};
  const size_t nodes = options.nodes > 0 ? options.nodes : 50;
  const double reads_a_second = 10 * static_cast<double>(nodes);
  LossSetup setup = Rolling(nodes, reads_a_second);
  AddPolicies(rolling, options, setup);
  setup.replacement = Replacement::kDeltaSynced;
  setup.sync_stops = false;
  rolling.Add("delta-synced, to the end", LossRun(options, setup).Measure());
  Table fleet{"The same reads by ten times as many nodes", kLossColumns};
  for (const Replacement replacement : {Replacement::kWarmed, Replacement::kDeltaSynced}) {
    LossSetup large = Rolling(10 * nodes, reads_a_second);
    large.replacement = replacement;
    fleet.Add(replacement == Replacement::kWarmed ? "warmed by reads" : "delta-synced by nodes",
              LossRun(options, large).Measure());
  }
  report.tables = {infini, rolling, fleet};
  return report;
}

}  // namespace floe::sim
