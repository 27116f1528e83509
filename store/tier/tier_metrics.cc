// SPDX-License-Identifier: Apache-2.0
#include "store/tier/tier_metrics.h"

namespace floe::store {
namespace {

Histogram& TierSeconds(Metrics& metrics, const std::string& tier, const char* result) {
  return metrics.GetHistogram("floe_tier_seconds", "Time until a tier's answer",
                              {{"tier", tier}, {"result", result}});
}

double Seconds(SteadyTime::duration took) { return std::chrono::duration<double>(took).count(); }

}  // namespace

TierMetrics::TierMetrics(Metrics& metrics, const std::string& tier)
    : hits(metrics.GetCounter("floe_tier_hits_total", "Chunks found", {{"tier", tier}})),
      misses(metrics.GetCounter("floe_tier_misses_total", "Chunks not found", {{"tier", tier}})),
      hit_bytes(metrics.GetCounter("floe_tier_hit_bytes_total", "Bytes found", {{"tier", tier}})),
      errors(metrics.GetCounter("floe_tier_errors_total", "Gets that failed", {{"tier", tier}})),
      mismatches(metrics.GetCounter("floe_tier_mismatches_total",
                                    "Bytes that failed their check, and were not used",
                                    {{"tier", tier}})),
      fills(metrics.GetCounter("floe_tier_fills_total", "Chunks taken in", {{"tier", tier}})),
      refused_puts(metrics.GetCounter("floe_tier_refused_puts_total",
                                      "Chunks that were not taken in", {{"tier", tier}})),
      hit_seconds(TierSeconds(metrics, tier, "hit")),
      miss_seconds(TierSeconds(metrics, tier, "miss")),
      error_seconds(TierSeconds(metrics, tier, "error")) {}

void TierMetrics::Hit(SteadyTime::duration took, size_t bytes) const {
  hits.Add();
  hit_bytes.Add(static_cast<double>(bytes));
  hit_seconds.Observe(Seconds(took));
}

void TierMetrics::Miss(SteadyTime::duration took) const {
  misses.Add();
  miss_seconds.Observe(Seconds(took));
}

void TierMetrics::Failure(SteadyTime::duration took, const absl::Status& status) const {
  if (absl::IsCancelled(status)) return;
  errors.Add();
  if (absl::IsDataLoss(status)) mismatches.Add();
  error_seconds.Observe(Seconds(took));
}

}  // namespace floe::store
