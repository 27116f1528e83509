// SPDX-License-Identifier: Apache-2.0
// Runs short pieces of work at their times, on a thread of its own.
#pragma once

#include <functional>
#include <map>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"

namespace floe::fusefs {

// Thread safe. Work that is not due when the timer goes is dropped.
class DeadlineTimer {
 public:
  using Handle = std::pair<SteadyTime, uint64_t>;

  DeadlineTimer();
  ~DeadlineTimer();

  // Runs `work` once at or soon after `when` (of the real clock). It must be short and may not
  // wait.
  Handle At(SteadyTime when, std::function<void()> work) FLOE_EXCLUDES(mutex_);
  // Forgets work that has not begun.
  void Cancel(const Handle& handle) FLOE_EXCLUDES(mutex_);

 private:
  void Loop() FLOE_EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar wake_;
  std::map<Handle, std::function<void()>> due_ FLOE_GUARDED_BY(mutex_);
  uint64_t next_ FLOE_GUARDED_BY(mutex_) = 0;
  bool stopping_ FLOE_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace floe::fusefs
