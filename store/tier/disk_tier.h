// SPDX-License-Identifier: Apache-2.0
// Sealed chunks on this machine's disk: survives restarts, never exceeds its limits, checks what it
// gives. Everything in it may be lost or damaged at any time; then the next tier is asked.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/metrics.h"
#include "store/chunk_store.h"
#include "store/outstanding_calls.h"
#include "store/seal/seal.h"
#include "store/tier/disk_files.h"
#include "store/tier/disk_index.h"

namespace floe::store {

struct DiskTierOptions {
  std::string directory;
  // Bytes on disk, block rounding and folders included. Never exceeded.
  uint64_t max_bytes = uint64_t{20} << 30;
  // This share of the file system stays free for others; when they write, the tier shrinks at the
  // next Put or Maintain.
  double free_share = 0.2;
  // Puts beyond this many bytes in flight are refused (RESOURCE_EXHAUSTED): a slow disk must not
  // fill the memory.
  uint64_t max_pending_bytes = 256 << 20;
};

struct DiskTierCounters {
  Counter* hits = nullptr;
  Counter* misses = nullptr;
  Counter* hit_bytes = nullptr;
  Counter* evictions = nullptr;
  Counter* damaged = nullptr;  // truncated, altered or unreadable entries, dropped
  Counter* refused_puts = nullptr;
  Gauge* bytes = nullptr;
  Gauge* entries = nullptr;
};

// Thread safe.
class DiskTier : public ChunkStore {
 public:
  // `io` (runs what waits for the disk) and `clock` are borrowed. Reads names, no content: fast.
  static absl::StatusOr<std::unique_ptr<DiskTier>> Open(const DiskTierOptions& options,
                                                        Secret node_key, Executor& io, Clock& clock,
                                                        DiskTierCounters counters = {});
  // Waits for callbacks, then writes down the order of use.
  ~DiskTier() override;

  // DATA_LOSS and UNAVAILABLE drop the entry. A hit is a VerifiedSealed.
  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override;
  // RESOURCE_EXHAUSTED when there is no room within the limits.
  void Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) override;
  void List(const std::string& from, size_t limit, const RequestOptions& options,
            ListCallback done) override;
  absl::Status Sync() override { return files_->Sync(); }
  std::string Name() const override;

  // Shrinks if others need the space, says in the log when nothing at all has room and when that
  // ends, and now and then writes down the order of use. Call about once a second. Blocks on I/O.
  void Maintain();
  // Writes down the order of use; the destructor does, too.
  void SaveRecency() FLOE_EXCLUDES(mutex_);
  // Bytes on disk as counted against max_bytes.
  uint64_t bytes() const FLOE_EXCLUDES(mutex_);
  // True when the chunk is here; no use of it.
  bool Holds(const ChunkId& id) const FLOE_EXCLUDES(mutex_);
  // Sealed bytes of those of `chunks` that are here.
  uint64_t LocalBytes(const ChunkRefs& chunks) const FLOE_EXCLUDES(mutex_);

  // For tests: another answer to "how full is the file system".
  void SetSpaceForTest(std::function<absl::StatusOr<FileSystemSpace>()> space)
      FLOE_EXCLUDES(mutex_);

 private:
  DiskTier(const DiskTierOptions& options, std::unique_ptr<DiskFiles> files, Executor& io,
           Clock& clock, DiskTierCounters counters);

  absl::Status LoadIndex();
  void LoadRecency(std::unordered_map<std::string, std::pair<UseTime, UseTime>>& uses) const;
  UseTime Now() const;
  uint64_t Charge(uint32_t sealed_length) const;
  void Read(const ChunkId& id, uint32_t sealed_length, uint64_t generation,
            const GetCallback& done);
  void Drop(const ChunkId& id, uint64_t generation) FLOE_EXCLUDES(mutex_);
  absl::StatusOr<PutResult> Write(const VerifiedSealed& chunk) FLOE_EXCLUDES(mutex_);
  // Makes room for `bytes` more within both limits and reserves them; evicts as needed.
  bool Reserve(uint64_t bytes) FLOE_EXCLUDES(mutex_);
  bool EvictOne() FLOE_EXCLUDES(mutex_);
  void TellOfRoom(bool full) FLOE_EXCLUDES(mutex_);
  uint64_t ShortOfFreeSpace(uint64_t wanted) FLOE_EXCLUDES(mutex_);
  void Publish() FLOE_REQUIRES(mutex_);
  void FinishPut(const ChunkId& id, const absl::StatusOr<PutResult>& result) FLOE_EXCLUDES(mutex_);

  const DiskTierOptions options_;
  const std::unique_ptr<DiskFiles> files_;
  Executor& io_;
  Clock& clock_;
  const DiskTierCounters counters_;
  uint64_t block_bytes_ = 4096;

  mutable Mutex mutex_;
  DiskIndex index_ FLOE_GUARDED_BY(mutex_);
  uint64_t used_ FLOE_GUARDED_BY(mutex_) = 0;  // what is on disk, or about to be
  uint64_t pending_ FLOE_GUARDED_BY(mutex_) = 0;
  std::map<ChunkId, std::vector<PutCallback>> writing_ FLOE_GUARDED_BY(mutex_);
  std::function<absl::StatusOr<FileSystemSpace>()> space_ FLOE_GUARDED_BY(mutex_);
  SteadyTime recency_saved_ FLOE_GUARDED_BY(mutex_){};
  bool full_ FLOE_GUARDED_BY(mutex_) = false;
  bool recency_changed_ FLOE_GUARDED_BY(mutex_) = false;
  OutstandingCalls outstanding_;
};

}  // namespace floe::store
