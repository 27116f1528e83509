// SPDX-License-Identifier: Apache-2.0
// The puts in flight of one conversion: bounded, checked where the chunk was there before, repaired
// where it was damaged.
#pragma once

#include <deque>

#include "absl/container/flat_hash_set.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "converter/chunk/chunk_writer.h"
#include "store/chunk_store.h"

namespace floe::converter {

// Thread safe. The destructor waits until no put is in flight.
class PutWindow {
 public:
  // All are borrowed; `repair` is called on the threads that call Put and Drain.
  PutWindow(store::ChunkStore& chunks, const RepairChunk& repair, size_t capacity,
            bool check_existing);
  ~PutWindow();

  // Puts the chunk unless this conversion has put it before. Waits for room. The error is the first
  // of the whole window, perhaps of another put.
  absl::Status Put(const store::SealedChunk& chunk) FLOE_EXCLUDES(mutex_);
  // Waits for all puts; the first error of all.
  absl::Status Drain() FLOE_EXCLUDES(mutex_);
  // Makes every later Put fail and asks the store to give up what is in flight.
  void Fail(const absl::Status& status) FLOE_EXCLUDES(mutex_);
  ChunkStats stats() const FLOE_EXCLUDES(mutex_);

 private:
  struct Job {
    store::VerifiedSealed sealed;
    uint32_t raw_length;
  };

  void OnPut(const Job& job, const absl::StatusOr<store::PutResult>& result);
  void OnChecked(const Job& job, absl::StatusOr<store::FetchedChunk> fetched);
  void CountReused(const Job& job) FLOE_REQUIRES(mutex_);
  void Damaged(const Job& job) FLOE_EXCLUDES(mutex_);
  void Done(const absl::Status& status) FLOE_EXCLUDES(mutex_);
  void DoneLocked(const absl::Status& status) FLOE_REQUIRES(mutex_);
  // Repairs one damaged chunk, if there is one; the lock is not held meanwhile.
  bool RepairOneLocked() FLOE_REQUIRES(mutex_);
  // Until fewer than `limit` puts are in flight.
  void WaitBelowLocked(size_t limit) FLOE_REQUIRES(mutex_);

  store::ChunkStore& chunks_;
  const RepairChunk& repair_;
  const size_t capacity_;
  const bool check_existing_;
  CancelSource cancel_;

  mutable Mutex mutex_;
  CondVar changed_;
  size_t in_flight_ FLOE_GUARDED_BY(mutex_) = 0;  // puts, checks and repairs not done yet
  std::deque<Job> damaged_ FLOE_GUARDED_BY(mutex_);
  absl::flat_hash_set<store::ChunkId> seen_ FLOE_GUARDED_BY(mutex_);
  absl::Status first_error_ FLOE_GUARDED_BY(mutex_);
  ChunkStats stats_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::converter
