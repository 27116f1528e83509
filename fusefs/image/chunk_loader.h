// SPDX-License-Identifier: Apache-2.0
// Opened chunks for everybody who waits for one: from the memory tier, or fetched once and opened
// once however many readers wait.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "base/timer.h"
#include "store/chunk_store.h"
#include "store/seal/seal.h"
#include "store/tier/memory_tier.h"

namespace floe::fusefs {

using OpenedChunk = store::OpenedBytes;  // shared_ptr<const Bytes>, exactly raw_length bytes

// Where an image's sealed chunks come from, and how many fetches it may have under way: an image
// whose chunks do not arrive must not take the places of the others. Thread safe.
class ChunkSource {
 public:
  using IsLocal = std::function<bool(const store::ChunkId& id)>;

  // `store` is borrowed: a ChunkStore must not be destroyed by its own callback, so no read owns
  // it. `is_local` tells whether this node has a sealed chunk; empty: it has none.
  ChunkSource(store::ChunkStore& store, size_t max_fetches, IsLocal is_local = nullptr)
      : store_(store), is_local_(std::move(is_local)), free_(max_fetches) {}

  store::ChunkStore& store() { return store_; }
  bool is_local(const store::ChunkId& id) const { return is_local_ && is_local_(id); }
  // Runs `fetch` now or when a place is free: the most urgent first, by what `urgency` says then,
  // and of those the one that came first. Each Enter is followed by one Leave.
  void Enter(std::shared_ptr<const store::Urgency> urgency, std::function<void()> fetch)
      FLOE_EXCLUDES(mutex_);
  void Leave() FLOE_EXCLUDES(mutex_);

 private:
  struct Waiting {
    std::shared_ptr<const store::Urgency> urgency;
    std::function<void()> fetch;
  };
  std::function<void()> TakeNext() FLOE_REQUIRES(mutex_);

  store::ChunkStore& store_;
  const IsLocal is_local_;
  Mutex mutex_;
  size_t free_ FLOE_GUARDED_BY(mutex_);
  bool draining_ FLOE_GUARDED_BY(mutex_) = false;
  std::deque<Waiting> waiting_ FLOE_GUARDED_BY(mutex_);
};

struct LoaderCounters {
  Counter* fetches = nullptr;        // sealed chunks asked for
  Counter* joined = nullptr;         // loads that found theirs under way
  Counter* open_failures = nullptr;  // fetched, but not what the manifest says
};

// Thread safe.
class ChunkLoader : public std::enable_shared_from_this<ChunkLoader> {
 public:
  using LoadCallback = std::function<void(absl::StatusOr<OpenedChunk>)>;

  // All borrowed, and must outlive every load. `workers` checks, decrypts and decompresses.
  ChunkLoader(store::MemoryTier& memory, Executor& workers, Timer& timer,
              LoaderCounters counters = {});

  // Calls `done` exactly once: at once on this thread when the chunk is in memory, else later on
  // another. At options.deadline the answer is DEADLINE_EXCEEDED whatever the source does; others
  // who wait for the same chunk go on waiting. Errors name the chunk.
  // `ref` is copied. `source` is kept until the fetch ends.
  void Load(const store::ChunkRef& ref, const std::shared_ptr<ChunkSource>& source,
            const store::RequestOptions& options, LoadCallback done) FLOE_EXCLUDES(mutex_);

 private:
  // One reader that waits: answered by the flight or by its own deadline, whichever comes first.
  struct Waiter;
  struct Waiting;
  struct Flight;

  Timer::Id WatchDeadline(const std::shared_ptr<Waiter>& waiter,
                          const store::RequestOptions& options, const store::ChunkId& id);
  void Answer(const Waiting& waiting, const absl::StatusOr<OpenedChunk>& chunk);
  std::shared_ptr<Flight> SplitLate(const Flight& flight, std::vector<Waiting>& waiters)
      FLOE_REQUIRES(mutex_);

  void Launch(const std::shared_ptr<Flight>& flight, const store::RequestOptions& options);
  void Fetched(const std::shared_ptr<Flight>& flight, absl::StatusOr<store::FetchedChunk> fetched);
  absl::StatusOr<OpenedChunk> Open(const store::ChunkRef& ref, store::FetchedChunk fetched);
  void Land(const std::shared_ptr<Flight>& flight, const absl::StatusOr<OpenedChunk>& chunk)
      FLOE_EXCLUDES(mutex_);

  store::MemoryTier& memory_;
  Executor& workers_;
  Timer& timer_;
  const LoaderCounters counters_;

  Mutex mutex_;
  std::unordered_map<store::OpenedKey, std::shared_ptr<Flight>, store::OpenedKeyHash> flights_
      FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::fusefs
