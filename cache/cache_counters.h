// SPDX-License-Identifier: Apache-2.0
// What the shared cache counts (names: doc/cache.md).
#pragma once

#include <string>

#include "base/metrics.h"

namespace floe::cache {

// All null without metrics.
struct CacheCounters {
  Counter* hits = nullptr;
  Counter* misses = nullptr;       // r+1 servers had nothing
  Counter* unavailable = nullptr;  // too few answered in time
  Counter* hit_bytes = nullptr;
  Counter* reconstructed = nullptr;  // hits that had to compute a shard of data
  Counter* mismatches = nullptr;     // choices of shards that did not hash to the id
  Counter* fills = nullptr;
  Counter* fill_bytes = nullptr;
  Counter* refused_fills = nullptr;
  Counter* repairs = nullptr;  // shards put back
  Counter* refused_repairs = nullptr;
  Counter* synced = nullptr;  // chunks read again for the sake of a new server
  Counter* lease_won = nullptr;
  Counter* lease_waits = nullptr;
  Counter* lease_hits = nullptr;  // waits that ended with the chunk

  static CacheCounters Of(Metrics* metrics);
};

struct CacheServerCounters {
  Counter* timeouts = nullptr;
  Counter* unavailable = nullptr;
  Counter* full = nullptr;     // beyond max_outstanding
  Counter* skipped = nullptr;  // while it is left alone
  Counter* bad = nullptr;      // shards that were wrong
  Gauge* open = nullptr;       // 1: left alone

  static CacheServerCounters Of(Metrics* metrics, const std::string& server);
};

}  // namespace floe::cache
