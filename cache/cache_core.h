// SPDX-License-Identifier: Apache-2.0
// What CacheStore consists of. Its parts call each other through this; users see cache_store.h.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include "cache/cache_counters.h"
#include "cache/cache_store.h"
#include "cache/recent_ids.h"
#include "cache/shard_read.h"

namespace floe::cache {

// Thread safe.
class CacheCore {
 public:
  CacheCore(const CacheOptions& options, Timer& timer, Executor& workers, Metrics* metrics,
            Executor* starter);
  ~CacheCore();

  void SetServers(std::vector<std::shared_ptr<ShardServer>> servers) FLOE_EXCLUDES(mutex_);
  void Get(const store::ChunkId& id, const store::RequestOptions& options,
           store::ChunkStore::GetCallback done);
  void Put(const store::VerifiedSealed& chunk, store::ChunkStore::PutCallback done);
  std::string Name() const;

 private:
  using Lookup = std::function<void(absl::StatusOr<store::VerifiedSealed>)>;
  struct Wait;  // for another's fetch
  struct Fill;

  std::shared_ptr<const ServerSet> servers() const FLOE_EXCLUDES(mutex_);
  CallToken Begin() { return BeginCall(calls_); }
  uint64_t Random() FLOE_EXCLUDES(mutex_);

  // cache_core.cc: one read of the shards.
  // `seen` (optional) hears, after `done`, what became of the shards.
  void Look(const store::ChunkId& id, SteadyTime deadline, Lookup done,
            ShardRead::Finished seen = nullptr);
  void CountRead(const absl::StatusOr<store::VerifiedSealed>& result);

  // lease.cc: what a miss does before it is told.
  void AfterMiss(const store::ChunkId& id, const store::RequestOptions& options,
                 absl::Status missed, store::ChunkStore::GetCallback done);
  void BeginWait(std::shared_ptr<Wait> wait);
  void Poll(const std::shared_ptr<Wait>& wait);

  // fill.cc: whole chunks in, absent shards back.
  void SendFill(const std::shared_ptr<Fill>& fill);
  void EndFill(const std::shared_ptr<Fill>& fill);
  void AfterRead(const store::ChunkId& id, const ShardReadReport& report);
  void Repair(const store::ChunkId& id, const ShardReadReport& report, CallToken token);
  bool TakeSuspect(const store::ChunkId& id) FLOE_EXCLUDES(mutex_);
  void AddSuspect(const store::ChunkId& id) FLOE_EXCLUDES(mutex_);

  // sync.cc: reading again what servers that are new should have.
  void Remember(const store::ChunkId& id) FLOE_EXCLUDES(mutex_);
  void SyncFor(const std::vector<std::string>& fresh) FLOE_EXCLUDES(mutex_);
  void SyncNext() FLOE_EXCLUDES(mutex_);
  void AfterSync(const ShardReadReport& report) FLOE_EXCLUDES(mutex_);

  const CacheOptions options_;
  Timer& timer_;
  Executor& workers_;
  Metrics* const metrics_;
  Executor* const starter_;
  const CacheCounters counters_;
  std::atomic<size_t> fill_bytes_{0};    // under way
  std::atomic<size_t> repair_bytes_{0};  // under way
  std::atomic<bool> stopping_{false};

  mutable Mutex mutex_;
  std::shared_ptr<const ServerSet> servers_ FLOE_GUARDED_BY(mutex_);  // null: no servers
  std::mt19937_64 random_ FLOE_GUARDED_BY(mutex_);
  // Chunks of which something wrong was found: the next fill replaces. Bounded, oldest forgotten.
  std::deque<store::ChunkId> suspects_ FLOE_GUARDED_BY(mutex_);
  RecentIds recent_ FLOE_GUARDED_BY(mutex_);
  std::deque<store::ChunkId> to_sync_ FLOE_GUARDED_BY(mutex_);
  size_t whole_in_a_row_ FLOE_GUARDED_BY(mutex_) = 0;  // of those read for a sync
  Timer::Id sync_timer_ FLOE_GUARDED_BY(mutex_) = 0;
  // Reads, fills, repairs and waits; the destructor waits for them.
  store::OutstandingCalls calls_;
};

}  // namespace floe::cache
