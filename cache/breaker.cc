// SPDX-License-Identifier: Apache-2.0
#include "cache/breaker.h"

#include <algorithm>

namespace floe::cache {

bool Breaker::Allow(SteadyTime now) {
  MutexLock lock(mutex_);
  if (!open_) return true;
  if (probing_ || now < until_) return false;
  probing_ = true;
  return true;
}

Breaker::Answer Breaker::Tell(bool good, SteadyTime now) {
  MutexLock lock(mutex_);
  if (good) {
    // Also a late answer to what was asked before it opened: the server lives.
    failures_ = 0;
    probing_ = false;
    pause_ = std::chrono::nanoseconds(0);
    if (!open_) return Answer::kGood;
    open_ = false;
    return Answer::kClosed;
  }
  if (open_ && !probing_) return Answer::kBad;  // asked before it opened
  ++failures_;
  if (!open_ && failures_ < options_.failures) return Answer::kBad;
  const bool opened = !open_;
  open_ = true;
  probing_ = false;
  pause_ = pause_.count() == 0
               ? std::chrono::nanoseconds(options_.first_pause)
               : std::min<std::chrono::nanoseconds>(2 * pause_, options_.longest_pause);
  until_ = now + Jittered(pause_);
  return opened ? Answer::kOpened : Answer::kBad;
}

bool Breaker::open() const {
  MutexLock lock(mutex_);
  return open_;
}

std::chrono::nanoseconds Breaker::Jittered(std::chrono::nanoseconds pause) {
  const int64_t half = pause.count() / 2;
  return std::chrono::nanoseconds(half + static_cast<int64_t>(random_() % (half + 1)));
}

}  // namespace floe::cache
