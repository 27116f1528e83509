// SPDX-License-Identifier: Apache-2.0
// Counts calls that are under way, so that a destructor can wait for their callbacks.
#pragma once

#include <cstddef>

#include "base/mutex.h"

namespace floe::store {

// Thread safe. A store that hands callbacks capturing `this` to another store calls Begin() before
// and End() as the last thing its callback does, and WaitUntilNone() in its destructor.
class OutstandingCalls {
 public:
  void Begin() FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ++count_;
  }
  void End() FLOE_EXCLUDES(mutex_) {
    // Notified under the lock: the waiter may destroy this object as soon as it has the lock.
    MutexLock lock(mutex_);
    if (--count_ == 0) none_.NotifyAll();
  }
  void WaitUntilNone() FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (count_ > 0) none_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar none_;
  size_t count_ FLOE_GUARDED_BY(mutex_) = 0;
};

}  // namespace floe::store
