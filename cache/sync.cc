// SPDX-License-Identifier: Apache-2.0
// Servers that are new or came back empty: this node reads again, slowly, what it read or filled
// lately and they should have. The repair that follows each read fills them.
#include <algorithm>
#include <set>
#include <utility>

#include "cache/cache_core.h"

namespace floe::cache {

void CacheCore::Remember(const store::ChunkId& id) {
  if (options_.repair.replacement != Replacement::kDeltaSynced) return;
  MutexLock lock(mutex_);
  recent_.Use(id);
}

void CacheCore::SyncFor(const std::vector<std::string>& fresh) {
  if (options_.repair.replacement != Replacement::kDeltaSynced || fresh.empty() || stopping_) {
    return;
  }
  const std::set<std::string> names(fresh.begin(), fresh.end());
  const auto set = servers();
  if (!set) return;
  {
    MutexLock lock(mutex_);
    whole_in_a_row_ = 0;
    std::set<store::ChunkId> queued(to_sync_.begin(), to_sync_.end());
    for (const store::ChunkId& id : recent_.All()) {
      bool affected = false;
      for (size_t i = 0; i < set->shards() && !affected; ++i) {
        affected = names.count(set->ServerOf(id, i).name()) > 0;
      }
      if (affected && queued.insert(id).second) to_sync_.push_back(id);
    }
    // A sample at any time, so that some that are whole tell of the rest. What is used most is
    // repaired by its readers.
    for (size_t i = to_sync_.size(); i > 1; --i)
      std::swap(to_sync_[i - 1], to_sync_[random_() % i]);
  }
  SyncNext();
}

void CacheCore::SyncNext() {
  MutexLock lock(mutex_);
  if (to_sync_.empty() || sync_timer_ != 0 || stopping_) return;
  // Nodes that use the same chunks share the work: each begins at its own pace.
  const std::chrono::duration<double> mean(1 / options_.repair.synced_per_second);
  const auto pause = std::chrono::duration_cast<std::chrono::nanoseconds>(mean);
  const std::chrono::nanoseconds jittered(pause.count() / 2 +
                                          static_cast<int64_t>(random_() % (pause.count() + 1)));
  const CallToken token = BeginCall(calls_);
  sync_timer_ = timer_.RunAt(timer_.Now() + jittered, [this, token] {
    store::ChunkId id;
    {
      MutexLock inner(mutex_);
      sync_timer_ = 0;
      if (to_sync_.empty()) return;
      id = to_sync_.front();
      to_sync_.pop_front();
    }
    AddTo(counters_.synced);
    Look(
        id, kNoDeadline, [](const absl::StatusOr<store::VerifiedSealed>&) {},
        [this](const ShardReadReport& report) { AfterSync(report); });
  });
}

void CacheCore::AfterSync(const ShardReadReport& report) {
  {
    MutexLock lock(mutex_);
    const bool whole = report.chunk && report.absent.empty() && report.bad.empty();
    whole_in_a_row_ = whole ? whole_in_a_row_ + 1 : 0;
    if (whole_in_a_row_ >= options_.repair.sync_until_whole) to_sync_.clear();
  }
  SyncNext();
}

}  // namespace floe::cache
