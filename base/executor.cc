// SPDX-License-Identifier: Apache-2.0
#include "base/executor.h"

#include <pthread.h>

#include <utility>

namespace floe {
namespace {

// The pool that this thread belongs to.
thread_local const ThreadPool* own_pool = nullptr;

}  // namespace

void ManualExecutor::Run(std::function<void()> work) {
  MutexLock lock(mutex_);
  queue_.push_back(std::move(work));
}

bool ManualExecutor::RunOne() {
  std::function<void()> work;
  {
    MutexLock lock(mutex_);
    if (queue_.empty()) return false;
    work = std::move(queue_.front());
    queue_.pop_front();
  }
  work();
  return true;
}

ThreadPool::ThreadPool(std::string name, size_t threads) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this, name] { Loop(name); });
}

ThreadPool::~ThreadPool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Run(std::function<void()> work) {
  MutexLock lock(mutex_);
  queue_.push_back(std::move(work));
  // Under the lock: what was queued may run, and end the pool, before this call returns.
  wake_.NotifyOne();
}

void ThreadPool::RunHere(std::function<void()> work) {
  if (own_pool != this) return Run(std::move(work));
  work();
}

void ThreadPool::Loop(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  own_pool = this;
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) wake_.Wait(mutex_);
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace floe
