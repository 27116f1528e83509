// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/experiments.h"

namespace floe::sim {

const std::vector<Experiment>& Experiments() {
  static const std::vector<Experiment> all = {
      {"hits", "tiers' shares of reads against cache sizes", RunHits},
      {"tail", "k of k+r against single copies, healthy and with a slow server", RunTail},
      {"skew", "load of servers with and without bounded placement", RunSkew},
      {"loss", "servers lost and replaced, by how replacements get their shards", RunLoss},
      {"metastability", "empty tiers, and an origin that can do a tenth of the demand",
       RunMetastability},
      {"herd", "one cold chunk that a thousand nodes want at once", RunHerd},
  };
  return all;
}

}  // namespace floe::sim
