// SPDX-License-Identifier: Apache-2.0
#include "base/timer.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace floe {

ThreadTimer::ThreadTimer(std::string name) : thread_([this, name] { Loop(name); }) {}

ThreadTimer::~ThreadTimer() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  thread_.join();
}

Timer::Id ThreadTimer::RunAt(SteadyTime when, std::function<void()> work) {
  MutexLock lock(mutex_);
  const Id id = next_++;
  const bool first = due_.empty() || when < due_.begin()->first.first;
  due_.emplace(std::pair(when, id), std::move(work));
  when_.emplace(id, when);
  if (first) wake_.NotifyOne();
  return id;
}

bool ThreadTimer::Cancel(Id id) {
  std::function<void()> dropped;  // destroyed outside the lock: it may own anything
  MutexLock lock(mutex_);
  const auto when = when_.find(id);
  if (when == when_.end()) return false;
  const auto entry = due_.find({when->second, id});
  dropped = std::move(entry->second);
  due_.erase(entry);
  when_.erase(when);
  return true;
}

void ThreadTimer::Loop(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  mutex_.Lock();
  while (!stopping_) {
    if (due_.empty()) {
      wake_.Wait(mutex_);
      continue;
    }
    const auto next = due_.begin();
    // Not max(): waiting until then overflows in some C libraries.
    const SteadyTime horizon = Clock::Real().Now() + std::chrono::hours(1);
    if (next->first.first > Clock::Real().Now()) {
      wake_.WaitUntil(mutex_, std::min(next->first.first, horizon));
      continue;
    }
    std::function<void()> work = std::move(next->second);
    when_.erase(next->first.second);
    due_.erase(next);
    mutex_.Unlock();
    work();
    work = nullptr;
    mutex_.Lock();
  }
  mutex_.Unlock();
}

SteadyTime ManualTimer::Now() {
  MutexLock lock(mutex_);
  return now_;
}

Timer::Id ManualTimer::RunAt(SteadyTime when, std::function<void()> work) {
  MutexLock lock(mutex_);
  const Id id = next_++;
  due_.emplace(std::pair(when, id), std::move(work));
  when_.emplace(id, when);
  return id;
}

bool ManualTimer::Cancel(Id id) {
  std::function<void()> dropped;
  MutexLock lock(mutex_);
  const auto when = when_.find(id);
  if (when == when_.end()) return false;
  const auto entry = due_.find({when->second, id});
  dropped = std::move(entry->second);
  due_.erase(entry);
  when_.erase(when);
  return true;
}

void ManualTimer::Advance(std::chrono::nanoseconds by) {
  const SteadyTime target = Now() + std::chrono::duration_cast<SteadyTime::duration>(by);
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      if (due_.empty() || due_.begin()->first.first > target) {
        now_ = target;
        return;
      }
      now_ = std::max(now_, due_.begin()->first.first);
      work = std::move(due_.begin()->second);
      when_.erase(due_.begin()->first.second);
      due_.erase(due_.begin());
    }
    work();
  }
}

size_t ManualTimer::pending() {
  MutexLock lock(mutex_);
  return due_.size();
}

}  // namespace floe
