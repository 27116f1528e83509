// SPDX-License-Identifier: Apache-2.0
// The experiments, each a pure function of its options; doc/simulator.md tells what each shows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/sim/report.h"

namespace floe::sim {

struct RunOptions {
  uint64_t seed = 1;
  size_t nodes = 0;  // 0: the experiment's own number
  // How long a run is: requests, starts, simulated hours. 1 is what doc/simulator.md prints; the
  // tests use less.
  double scale = 1;

  size_t Scaled(size_t count) const {
    const auto scaled = static_cast<size_t>(static_cast<double>(count) * scale);
    return scaled > 0 ? scaled : 1;
  }
};

struct Experiment {
  std::string name;
  std::string purpose;  // one line of --help
  Report (*run)(const RunOptions& options);
};

// Tiers' shares of reads against cache sizes.
Report RunHits(const RunOptions& options);
// k of k+r against single copies, healthy and with a slow server.
Report RunTail(const RunOptions& options);
// Load of servers with and without bounded placement.
Report RunSkew(const RunOptions& options);
// Servers lost and replaced, by how replacements get their shards.
Report RunLoss(const RunOptions& options);
// Empty tiers, and an origin that can do a tenth of the demand.
Report RunMetastability(const RunOptions& options);
// One cold chunk that a thousand nodes want at once.
Report RunHerd(const RunOptions& options);

const std::vector<Experiment>& Experiments();

}  // namespace floe::sim
