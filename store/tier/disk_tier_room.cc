// SPDX-License-Identifier: Apache-2.0
// How much the disk tier may keep: room within both limits, what goes for it, and telling when
// there is none.
#include <utility>

#include "base/log.h"
#include "store/tier/disk_tier.h"

namespace floe::store {
namespace {

constexpr std::chrono::seconds kSaveRecencyEvery(60);

}  // namespace

bool DiskTier::Reserve(uint64_t bytes) {
  while (true) {
    const uint64_t short_by = ShortOfFreeSpace(bytes);
    {
      MutexLock lock(mutex_);
      if (short_by == 0 && used_ + bytes <= options_.max_bytes) {
        used_ += bytes;
        return true;
      }
    }
    if (!EvictOne()) return false;
  }
}

// The file goes before its bytes count as free.
bool DiskTier::EvictOne() {
  std::optional<std::pair<ChunkId, DiskEntry>> victim;
  {
    MutexLock lock(mutex_);
    victim = index_.PopVictim();
  }
  if (!victim) return false;
  files_->Remove(victim->first, victim->second.sealed_length);
  AddTo(counters_.evictions);
  MutexLock lock(mutex_);
  used_ -= Charge(victim->second.sealed_length);
  recency_changed_ = true;
  Publish();
  return true;
}

uint64_t DiskTier::ShortOfFreeSpace(uint64_t wanted) {
  std::function<absl::StatusOr<FileSystemSpace>()> ask;
  {
    MutexLock lock(mutex_);
    ask = space_;
  }
  const auto space = ask();
  if (!space.ok()) return 0;
  const auto share =
      static_cast<uint64_t>(options_.free_share * static_cast<double>(space->total_bytes));
  const uint64_t needed = share + wanted;
  return needed > space->free_bytes ? needed - space->free_bytes : 0;
}

void DiskTier::Maintain() {
  bool full = false;
  while (!full) {
    const bool short_of_space = ShortOfFreeSpace(0) > 0;
    {
      MutexLock lock(mutex_);
      if (!short_of_space && used_ <= options_.max_bytes) break;
    }
    full = !EvictOne();
  }
  TellOfRoom(full);
  bool save;
  {
    MutexLock lock(mutex_);
    save = clock_.Now() - recency_saved_ >= kSaveRecencyEvery;
  }
  if (save) SaveRecency();
}

// Without a word an operator would only see that every start asks the store again.
void DiskTier::TellOfRoom(bool full) {
  {
    MutexLock lock(mutex_);
    if (std::exchange(full_, full) == full) return;
  }
  if (full) {
    Log(LogLevel::kWarning,
        "the cache keeps nothing, its limits leave no room: free some space, or change cache_dir, "
        "cache_bytes or free_share",
        {{"directory", options_.directory},
         {"cache_bytes", options_.max_bytes},
         {"free_share", options_.free_share},
         {"short_by_bytes", ShortOfFreeSpace(0)}});
  } else {
    Log(LogLevel::kInfo, "the cache has room again", {{"directory", options_.directory}});
  }
}

}  // namespace floe::store
