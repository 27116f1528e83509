// SPDX-License-Identifier: Apache-2.0
// Time as a parameter, and deadlines.
#pragma once

#include <chrono>

#include "base/mutex.h"

namespace floe {

using SteadyTime = std::chrono::steady_clock::time_point;
using SystemTime = std::chrono::system_clock::time_point;

inline constexpr SteadyTime kNoDeadline = SteadyTime::max();

// Thread safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime Now() = 0;
  virtual SystemTime WallNow() = 0;
  // The machine's clock; lives for ever.
  static Clock& Real();
};

// Moves only when told to. Thread safe.
class FakeClock : public Clock {
 public:
  SteadyTime Now() override FLOE_EXCLUDES(mutex_);
  SystemTime WallNow() override FLOE_EXCLUDES(mutex_);
  void Advance(std::chrono::nanoseconds by) FLOE_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  SteadyTime now_ FLOE_GUARDED_BY(mutex_){std::chrono::hours(1)};
};

}  // namespace floe
