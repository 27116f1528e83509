// SPDX-License-Identifier: Apache-2.0
// Reads chunks out of pack blobs with ranged requests; what waits and lies side by side comes in
// one.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"
#include "registry/repository.h"
#include "store/chunk_store.h"
#include "store/registry/pack_map.h"

namespace floe::store {

// Neighbours with at most so much between them are one request, as long as it stays below the
// limit.
inline constexpr uint32_t kMostGapBytes = 128 << 10;
inline constexpr uint32_t kMostRangeBytes = 8 << 20;

// Thread safe. Borrows repository and pool; what was asked is answered before the pool ends.
class RangeReader {
 public:
  using Done = std::function<void(absl::StatusOr<SealedBytes>)>;
  RangeReader(registry::Repository& repository, Executor& pool)
      : repository_(repository), pool_(pool) {}

  // The bytes at a place in a sent pack, unchecked. More urgent classes first. NOT_FOUND when the
  // pack is not in the repository (any more).
  void Get(const PackPlace& place, const RequestOptions& options, Done done) FLOE_EXCLUDES(mutex_);
  uint64_t requests() const { return requests_.load(std::memory_order_relaxed); }

 private:
  struct Wanted {
    PackPlace place;
    RequestOptions options;
    Done done;
  };
  struct Run;
  void ReadSome() FLOE_EXCLUDES(mutex_);
  // The most urgent of the queue with its neighbours, ascending by offset.
  std::vector<Wanted> TakeRun() FLOE_EXCLUDES(mutex_);
  void Read(std::vector<Wanted> run);
  void TellOfIgnoredRanges();
  absl::Status Explain(const absl::Status& status, const PackBlob& pack);

  registry::Repository& repository_;
  Executor& pool_;
  Mutex mutex_;
  std::deque<Wanted> queue_ FLOE_GUARDED_BY(mutex_);
  std::atomic<uint64_t> requests_{0};
  std::atomic<bool> told_{false};
};

// OK, or CANCELLED or DEADLINE_EXCEEDED, when a request's turn comes.
absl::Status StillWantedNow(const RequestOptions& options);

}  // namespace floe::store
