// SPDX-License-Identifier: Apache-2.0
// Work at a later time, on a thread with an owner.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"

namespace floe {

// Thread safe. Work must be short and must not throw.
class Timer {
 public:
  using Id = uint64_t;

  virtual ~Timer() = default;
  virtual SteadyTime Now() = 0;
  // Runs `work` once, at `when` or later, never inside this call. kNoDeadline: never runs.
  virtual Id RunAt(SteadyTime when, std::function<void()> work) = 0;
  // True: the work has not begun and never will. False: it ran, runs now, or is unknown.
  virtual bool Cancel(Id id) = 0;
};

// One thread. The destructor drops what is not due yet and joins, so whoever waits for a timer's
// work must go before the timer.
class ThreadTimer : public Timer {
 public:
  // `name` (at most 15 characters) is what ps shows.
  explicit ThreadTimer(std::string name);
  ~ThreadTimer() override;

  SteadyTime Now() override { return Clock::Real().Now(); }
  Id RunAt(SteadyTime when, std::function<void()> work) override FLOE_EXCLUDES(mutex_);
  bool Cancel(Id id) override FLOE_EXCLUDES(mutex_);

 private:
  void Loop(const std::string& name) FLOE_EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar wake_;
  bool stopping_ FLOE_GUARDED_BY(mutex_) = false;
  Id next_ FLOE_GUARDED_BY(mutex_) = 1;
  std::map<std::pair<SteadyTime, Id>, std::function<void()>> due_ FLOE_GUARDED_BY(mutex_);
  std::map<Id, SteadyTime> when_ FLOE_GUARDED_BY(mutex_);
  std::thread thread_;
};

// Its time moves only when told to (tests). It begins long after the machine's clock, so that who
// compares its deadlines with that one finds none passed.
class ManualTimer : public Timer {
 public:
  SteadyTime Now() override FLOE_EXCLUDES(mutex_);
  Id RunAt(SteadyTime when, std::function<void()> work) override FLOE_EXCLUDES(mutex_);
  bool Cancel(Id id) override FLOE_EXCLUDES(mutex_);
  // Moves on, running on this thread what becomes due, in order.
  void Advance(std::chrono::nanoseconds by) FLOE_EXCLUDES(mutex_);
  // How much work waits.
  size_t pending() FLOE_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  SteadyTime now_ FLOE_GUARDED_BY(mutex_){std::chrono::hours(1'000'000)};
  Id next_ FLOE_GUARDED_BY(mutex_) = 1;
  std::map<std::pair<SteadyTime, Id>, std::function<void()>> due_ FLOE_GUARDED_BY(mutex_);
  std::unordered_map<Id, SteadyTime> when_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe
