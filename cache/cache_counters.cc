// SPDX-License-Identifier: Apache-2.0
#include "cache/cache_counters.h"

namespace floe::cache {

CacheCounters CacheCounters::Of(Metrics* metrics) {
  if (metrics == nullptr) return {};
  const auto reads = [&](const char* result) {
    return &metrics->GetCounter("floe_cache_reads_total", "Chunks asked of the shared cache",
                                {{"result", result}});
  };
  const auto count = [&](const char* name, const char* help) {
    return &metrics->GetCounter(name, help);
  };
  CacheCounters c;
  c.hits = reads("hit");
  c.misses = reads("miss");
  c.unavailable = reads("unavailable");
  c.hit_bytes = count("floe_cache_hit_bytes_total", "Sealed bytes found in the shared cache");
  c.reconstructed = count("floe_cache_reconstructed_total", "Hits that computed a shard of data");
  c.mismatches = count("floe_cache_mismatches_total", "Choices of shards that were not the chunk");
  c.fills = count("floe_cache_fills_total", "Chunks put into the shared cache");
  c.fill_bytes = count("floe_cache_fill_bytes_total", "Sealed bytes put into the shared cache");
  c.refused_fills = count("floe_cache_refused_fills_total", "Chunks there was no room to put");
  c.repairs = count("floe_cache_repairs_total", "Shards put back after a read");
  c.refused_repairs =
      count("floe_cache_refused_repairs_total", "Repairs left out, too many at once");
  c.synced = count("floe_cache_synced_total", "Chunks read again for a server that is new");
  c.lease_won = count("floe_cache_leases_total", "Misses that fetch for all");
  c.lease_waits = count("floe_cache_lease_waits_total", "Misses that waited for another's fetch");
  c.lease_hits = count("floe_cache_lease_hits_total", "Waits that ended with the chunk");
  return c;
}

CacheServerCounters CacheServerCounters::Of(Metrics* metrics, const std::string& server) {
  if (metrics == nullptr) return {};
  const auto failures = [&](const char* reason) {
    return &metrics->GetCounter("floe_cache_server_failures_total",
                                "Requests to a cache server that brought nothing",
                                {{"server", server}, {"reason", reason}});
  };
  CacheServerCounters c;
  c.timeouts = failures("timeout");
  c.unavailable = failures("unavailable");
  c.full = failures("full");
  c.skipped = failures("skipped");
  c.bad = failures("bad");
  c.open = &metrics->GetGauge("floe_cache_server_open", "1 while a cache server is left alone",
                              {{"server", server}});
  return c;
}

}  // namespace floe::cache
