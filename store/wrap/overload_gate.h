// SPDX-License-Identifier: Apache-2.0
// Whether an origin can take more starts: when it cannot keep up, new work is what has to wait, not
// what runs (store.md, "Stability").
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "store/wrap/request_limiter.h"

namespace floe::store {

// An origin is full when, of the requests that readers wait for, more than `queued` are queued or
// one has been for longer than `wait`; it has caught up when both are down to a half.
struct OverloadOptions {
  size_t queued = 4096;
  std::chrono::milliseconds wait{5000};
};

struct OverloadCounters {
  Counter* refused = nullptr;  // starts
  Gauge* full = nullptr;       // 1 while starts are refused
};

// Thread safe.
class OverloadGate {
 public:
  // `name` is what refusals and the log call the origin.
  OverloadGate(std::string name, std::shared_ptr<RequestLimiter> limiter,
               const OverloadOptions& options, OverloadCounters counters = {});

  // OK, or UNAVAILABLE with reason and remedy: start nothing new that needs the origin.
  absl::Status Admit() FLOE_EXCLUDES(mutex_);
  // Looks again, so that gauge and log follow also while nobody asks. About once a second.
  void Look() FLOE_EXCLUDES(mutex_);
  bool full() const FLOE_EXCLUDES(mutex_);

 private:
  // The state after `load`; logs when it changes.
  bool Update(const LimiterLoad& load) FLOE_EXCLUDES(mutex_);

  const std::string name_;
  const std::shared_ptr<RequestLimiter> limiter_;
  const OverloadOptions options_;
  const OverloadCounters counters_;
  mutable Mutex mutex_;
  bool full_ FLOE_GUARDED_BY(mutex_) = false;
};

}  // namespace floe::store
