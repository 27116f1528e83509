// SPDX-License-Identifier: Apache-2.0
// How often requests to one origin may be tried again: a share of them, whoever asks.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "base/mutex.h"

namespace floe::store {

// A store in trouble must not be buried under retries: each request earns `share` of one, `burst`
// may come at once. Whoever can wait for a retry has one each kTrickle besides, so that a node none
// of whose requests goes through still finds out when they do. Thread safe.
class RetryBudget {
 public:
  static constexpr std::chrono::seconds kTrickle{10};

  RetryBudget(double share, double burst) : share_(share), burst_(burst), left_(burst) {}

  void Earn() FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    left_ = std::min(burst_, left_ + share_);
  }
  // True: one retry, and it is spent.
  bool Spend() FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }
  // The same for who can wait, at `now`.
  bool SpendOrTrickle(SteadyTime now) FLOE_EXCLUDES(mutex_) {
    if (Spend()) return true;
    MutexLock lock(mutex_);
    if (now - trickled_ < kTrickle) return false;
    trickled_ = now;
    return true;
  }

 private:
  const double share_;
  const double burst_;
  Mutex mutex_;
  SteadyTime trickled_ FLOE_GUARDED_BY(mutex_){};
  double left_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::store
