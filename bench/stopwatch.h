// SPDX-License-Identifier: Apache-2.0
// Timing of parts: CPU seconds of a thread or a process, or the machine's own seconds.
#pragma once

#include <time.h>

#include <algorithm>

namespace floe {

// Of CLOCK_THREAD_CPUTIME_ID, CLOCK_PROCESS_CPUTIME_ID or CLOCK_MONOTONIC.
inline double SecondsOn(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <typename Work>
double SecondsOf(clockid_t clock, Work work) {
  const double before = SecondsOn(clock);
  work();
  return SecondsOn(clock) - before;
}

// The fastest of some rounds: others disturb, nothing helps.
template <typename Work>
double Fastest(int rounds, Work work) {
  double best = 1e9;
  for (int round = 0; round < rounds; ++round) {
    best = std::min(best, SecondsOf(CLOCK_MONOTONIC, work));
  }
  return best;
}

}  // namespace floe
