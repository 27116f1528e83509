// SPDX-License-Identifier: Apache-2.0
// Where work runs: a pool of threads, or the caller (in tests).
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace floe {

class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `work` once, some time, on some thread; never inline unless the class says so.
  // `work` must not throw.
  virtual void Run(std::function<void()> work) = 0;
  // The same for the last thing a caller does, who holds no lock: a pool runs it at once when the
  // caller is one of its own threads, which saves waking another.
  virtual void RunHere(std::function<void()> work) { Run(std::move(work)); }
};

// Runs everything at once on the calling thread.
class InlineExecutor : public Executor {
 public:
  void Run(std::function<void()> work) override { work(); }
};

// Keeps work until the test runs it. Thread safe.
class ManualExecutor : public Executor {
 public:
  void Run(std::function<void()> work) override FLOE_EXCLUDES(mutex_);
  // Runs the oldest piece of work on this thread; false when there is none.
  bool RunOne() FLOE_EXCLUDES(mutex_);
  // Runs until nothing is left, including what the work itself added.
  void RunAll() {
    while (RunOne()) {
    }
  }

 private:
  Mutex mutex_;
  std::deque<std::function<void()>> queue_ FLOE_GUARDED_BY(mutex_);
};

// A fixed number of threads over one unbounded queue (callers bound what they submit). The
// destructor runs what is queued, then joins. Thread safe.
class ThreadPool : public Executor {
 public:
  // `name` (at most 15 characters) is what ps and gdb show for the threads.
  ThreadPool(std::string name, size_t threads);
  ~ThreadPool() override;

  void Run(std::function<void()> work) override FLOE_EXCLUDES(mutex_);
  void RunHere(std::function<void()> work) override FLOE_EXCLUDES(mutex_);

 private:
  void Loop(const std::string& name) FLOE_EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar wake_;
  std::deque<std::function<void()>> queue_ FLOE_GUARDED_BY(mutex_);
  bool stopping_ FLOE_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace floe
