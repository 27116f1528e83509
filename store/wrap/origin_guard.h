// SPDX-License-Identifier: Apache-2.0
// All that stands between a node and one origin: one limit, one retry budget and one gate for
// starts, however many roots are read through it.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "base/executor.h"
#include "base/metrics.h"
#include "base/timer.h"
#include "store/wrap/overload_gate.h"
#include "store/wrap/request_limiter.h"
#include "store/wrap/retry_store.h"

namespace floe::store {

struct OriginOptions {
  size_t requests = 64;  // under way at once, at most
  bool adaptive = true;  // fewer as the origin cannot keep up (AimdLimit); false: always so many
  // One attempt; then it is given up and, as far as the budget goes, tried again.
  std::chrono::milliseconds attempt_timeout{20'000};
  RetryOptions retry;
  LimitOptions limits;
  OverloadOptions overload;
};

// Thread safe. Outlives the stores that it wrapped only by what they hold of it; the things it
// borrows outlive them.
class OriginGuard {
 public:
  // `tier` is the label of all metrics: "origin", "fast". `address` is for people. `timer`,
  // `workers` (hashing), `metrics` and `clock` are borrowed. `seed` spreads the retries of nodes.
  OriginGuard(std::string tier, std::string address, const OriginOptions& options, Timer& timer,
              Executor& workers, Metrics& metrics, Clock& clock, uint64_t seed);

  // `source` (one root of the origin) with everything around it, innermost first: check, count
  // requests (store="<tier>"), deadline of an attempt, limit, retry, count the tier.
  std::shared_ptr<ChunkStore> Wrap(std::shared_ptr<ChunkStore> source);

  OverloadGate& gate() { return gate_; }
  LimiterLoad load() { return limiter_->load(); }

 private:
  const std::string tier_;
  const OriginOptions options_;
  Timer& timer_;
  Executor& workers_;
  Metrics& metrics_;
  Clock& clock_;
  const uint64_t seed_;
  std::atomic<uint64_t> wrapped_{0};
  const std::shared_ptr<RequestLimiter> limiter_;
  const std::shared_ptr<RetryBudget> budget_;
  OverloadGate gate_;
};

}  // namespace floe::store
