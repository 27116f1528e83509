// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

namespace floe {
namespace {

class RealClock : public Clock {
 public:
  SteadyTime Now() override { return std::chrono::steady_clock::now(); }
  SystemTime WallNow() override { return std::chrono::system_clock::now(); }
};

}  // namespace

Clock& Clock::Real() {
  static RealClock clock;
  return clock;
}

SteadyTime FakeClock::Now() {
  MutexLock lock(mutex_);
  return now_;
}

SystemTime FakeClock::WallNow() {
  return SystemTime(std::chrono::duration_cast<SystemTime::duration>(Now().time_since_epoch()));
}

void FakeClock::Advance(std::chrono::nanoseconds by) {
  MutexLock lock(mutex_);
  now_ += std::chrono::duration_cast<SteadyTime::duration>(by);
}

}  // namespace floe
