// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/deadline_timer.h"

#include <pthread.h>

namespace floe::fusefs {

DeadlineTimer::DeadlineTimer() : thread_([this] { Loop(); }) {}

DeadlineTimer::~DeadlineTimer() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  thread_.join();
}

DeadlineTimer::Handle DeadlineTimer::At(SteadyTime when, std::function<void()> work) {
  MutexLock lock(mutex_);
  const Handle handle(when, next_++);
  if (due_.emplace(handle, std::move(work)).first == due_.begin()) wake_.NotifyOne();
  return handle;
}

void DeadlineTimer::Cancel(const Handle& handle) {
  MutexLock lock(mutex_);
  due_.erase(handle);
}

void DeadlineTimer::Loop() {
  pthread_setname_np(pthread_self(), "deadlines");
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && (due_.empty() || due_.begin()->first.first > Clock::Real().Now())) {
        if (due_.empty()) {
          wake_.Wait(mutex_);
        } else {
          wake_.WaitUntil(mutex_, due_.begin()->first.first);
        }
      }
      if (stopping_) return;
      work = std::move(due_.begin()->second);
      due_.erase(due_.begin());
    }
    work();
  }
}

}  // namespace floe::fusefs
