// SPDX-License-Identifier: Apache-2.0
// What every tier counts, under the same names: memory, disk, cache, fast, origin.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/status.h"

namespace floe::store {

// Metrics, each with the label tier="<tier>":
//   floe_tier_hits_total, floe_tier_misses_total      gets that found their chunk, or that it is
//   not
//                                                     there
//   floe_tier_hit_bytes_total                         bytes of the hits
//   floe_tier_errors_total                            gets answered neither way; those that were
//                                                     cancelled do not count
//   floe_tier_mismatches_total                        of the errors: bytes that failed their check
//   floe_tier_fills_total, floe_tier_refused_puts_total
//   floe_tier_seconds{result="hit|miss|error"}        histogram
struct TierMetrics {
  TierMetrics(Metrics& metrics, const std::string& tier);

  void Hit(SteadyTime::duration took, size_t bytes) const;
  void Miss(SteadyTime::duration took) const;
  void Failure(SteadyTime::duration took, const absl::Status& status) const;

  Counter& hits;
  Counter& misses;
  Counter& hit_bytes;
  Counter& errors;
  Counter& mismatches;
  Counter& fills;
  Counter& refused_puts;
  Histogram& hit_seconds;
  Histogram& miss_seconds;
  Histogram& error_seconds;
};

}  // namespace floe::store
