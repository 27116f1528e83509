// SPDX-License-Identifier: Apache-2.0
// std::mutex and std::condition_variable with clang's thread-safety annotations, so that a missing
// lock is a compile error (-Wthread-safety, the asan and tsan presets). Not absl::Mutex: Debian's
// prebuilt Abseil makes ThreadSanitizer report races that are none.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define FLOE_TSA(x) __attribute__((x))
#else
#define FLOE_TSA(x)
#endif

#define FLOE_CAPABILITY(name) FLOE_TSA(capability(name))
#define FLOE_SCOPED_CAPABILITY FLOE_TSA(scoped_lockable)
#define FLOE_GUARDED_BY(mu) FLOE_TSA(guarded_by(mu))
#define FLOE_PT_GUARDED_BY(mu) FLOE_TSA(pt_guarded_by(mu))
#define FLOE_REQUIRES(...) FLOE_TSA(requires_capability(__VA_ARGS__))
#define FLOE_EXCLUDES(...) FLOE_TSA(locks_excluded(__VA_ARGS__))
#define FLOE_ACQUIRE(...) FLOE_TSA(acquire_capability(__VA_ARGS__))
#define FLOE_RELEASE(...) FLOE_TSA(release_capability(__VA_ARGS__))
#define FLOE_NO_THREAD_SAFETY_ANALYSIS FLOE_TSA(no_thread_safety_analysis)

namespace floe {

class FLOE_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() FLOE_ACQUIRE() { mutex_.lock(); }
  void Unlock() FLOE_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class FLOE_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) FLOE_ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() FLOE_RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits may wake early: always wait in a loop over the condition.
class CondVar {
 public:
  void Wait(Mutex& mutex) FLOE_REQUIRES(mutex) FLOE_NO_THREAD_SAFETY_ANALYSIS {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // False when `deadline` passed.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point deadline)
      FLOE_REQUIRES(mutex) FLOE_NO_THREAD_SAFETY_ANALYSIS {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool in_time = condition_.wait_until(lock, deadline) == std::cv_status::no_timeout;
    lock.release();
    return in_time;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace floe
