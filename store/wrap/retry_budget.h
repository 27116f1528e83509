// SPDX-License-Identifier: Apache-2.0
// How often requests to one origin may be tried again: a share of them, whoever asks.
#pragma once

#include <algorithm>

#include "base/mutex.h"

namespace floe::store {

// A store in trouble must not be buried under retries: each request earns `share` of one, `burst`
// may come at once. Thread safe.
class RetryBudget {
 public:
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

 private:
  const double share_;
  const double burst_;
  Mutex mutex_;
  double left_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::store
