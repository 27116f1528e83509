// SPDX-License-Identifier: Apache-2.0
// Counts callbacks that are still owed, so that a destructor can wait for them.
#pragma once

#include "base/mutex.h"

namespace floe::store {

// Thread safe. The destructor waits until every Begin has been followed by an End.
class Outstanding {
 public:
  ~Outstanding() { WaitForNone(); }
  void Begin() FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ++count_;
  }
  void End() FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (--count_ == 0) none_.NotifyAll();
  }
  void WaitForNone() FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (count_ > 0) none_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar none_;
  size_t count_ FLOE_GUARDED_BY(mutex_) = 0;
};

}  // namespace floe::store
