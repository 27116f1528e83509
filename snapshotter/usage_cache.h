// SPDX-License-Identifier: Apache-2.0
// Remembers what active snapshots occupy. CRI asks for every container each ten seconds; measuring
// a big writable layer each time would keep the disk busy.
#pragma once

#include <chrono>
#include <functional>
#include <map>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "snapshotter/meta/snapshot.h"

namespace floe::snapshotter {

// Thread safe. A value is given again for five seconds, or for twenty times as long as measuring it
// took, whichever is longer: measuring takes at most a twentieth of the time.
class UsageCache {
 public:
  // `clock` must outlive it.
  explicit UsageCache(Clock& clock) : clock_(clock) {}

  absl::StatusOr<Usage> Get(int64_t id, const std::function<absl::StatusOr<Usage>()>& measure)
      FLOE_EXCLUDES(mutex_);
  void Forget(int64_t id) FLOE_EXCLUDES(mutex_);

 private:
  struct Entry {
    Usage usage;
    SteadyTime good_until;
  };
  Clock& clock_;
  Mutex mutex_;
  std::map<int64_t, Entry> entries_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::snapshotter
