// SPDX-License-Identifier: Apache-2.0
// When a daemon that died may be started again.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace floe::mount {

// Not thread safe.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds longest)
      : first_(first), longest_(longest) {}

  void Started(SteadyTime now) { started_ = now; }
  // It ended, or could not be started. Returns when to try: at once after a long life or for the
  // first time, then after `first`, doubling up to `longest`.
  SteadyTime Failed(SteadyTime now) {
    if (started_ != SteadyTime() && now - started_ >= 10 * longest_) failures_ = 0;
    started_ = SteadyTime();
    const int doublings = std::min(failures_ - 1, 20);
    ++failures_;
    if (doublings < 0) return now;
    return now + std::min<std::chrono::milliseconds>(first_ * (1LL << doublings), longest_);
  }

 private:
  const std::chrono::milliseconds first_;
  const std::chrono::milliseconds longest_;
  SteadyTime started_;
  int failures_ = 0;
};

}  // namespace floe::mount
