// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/usage_cache.h"

#include <algorithm>

namespace floe::snapshotter {
namespace {

constexpr std::chrono::seconds kAtLeast(5);
constexpr int kTimesMeasuring = 20;

}  // namespace

absl::StatusOr<Usage> UsageCache::Get(int64_t id,
                                      const std::function<absl::StatusOr<Usage>()>& measure) {
  const SteadyTime start = clock_.Now();
  {
    MutexLock lock(mutex_);
    const auto entry = entries_.find(id);
    if (entry != entries_.end() && start < entry->second.good_until) return entry->second.usage;
  }
  FLOE_ASSIGN_OR_RETURN(const Usage usage, measure());
  const SteadyTime end = clock_.Now();
  const SteadyTime good_until =
      end + std::max<SteadyTime::duration>(kAtLeast, (end - start) * kTimesMeasuring);
  MutexLock lock(mutex_);
  entries_[id] = {usage, good_until};
  return usage;
}

void UsageCache::Forget(int64_t id) {
  MutexLock lock(mutex_);
  entries_.erase(id);
}

}  // namespace floe::snapshotter
