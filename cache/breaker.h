// SPDX-License-Identifier: Apache-2.0
// When a server is left alone: after failures in a row, for a pause that doubles, then one request
// tries it.
#pragma once

#include <chrono>
#include <random>

#include "base/clock.h"
#include "base/mutex.h"

namespace floe::cache {

struct BreakerOptions {
  size_t failures = 5;                              // in a row; then the server is left alone for
  std::chrono::milliseconds first_pause{500};       // this long (with jitter), then one request
  std::chrono::milliseconds longest_pause{30'000};  // tries it; the pause doubles up to this
};

// Thread safe.
class Breaker {
 public:
  enum class Answer { kGood, kClosed, kBad, kOpened };

  Breaker(const BreakerOptions& options, uint64_t seed) : options_(options), random_(seed) {}

  // True: ask, then tell how it went. While open it is true for one request after each pause.
  bool Allow(SteadyTime now) FLOE_EXCLUDES(mutex_);
  // How an allowed request went. kClosed, kOpened: it changed.
  Answer Tell(bool good, SteadyTime now) FLOE_EXCLUDES(mutex_);
  bool open() const FLOE_EXCLUDES(mutex_);

 private:
  // Between half and all of `pause`: clients that failed together do not come back together.
  std::chrono::nanoseconds Jittered(std::chrono::nanoseconds pause) FLOE_REQUIRES(mutex_);

  const BreakerOptions options_;
  mutable Mutex mutex_;
  std::mt19937_64 random_ FLOE_GUARDED_BY(mutex_);
  size_t failures_ FLOE_GUARDED_BY(mutex_) = 0;
  bool open_ FLOE_GUARDED_BY(mutex_) = false;
  bool probing_ FLOE_GUARDED_BY(mutex_) = false;
  SteadyTime until_ FLOE_GUARDED_BY(mutex_){};
  std::chrono::nanoseconds pause_ FLOE_GUARDED_BY(mutex_){0};
};

}  // namespace floe::cache
