// SPDX-License-Identifier: Apache-2.0
// One read: all k+r servers asked, the first k good shards taken, late answers drained.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/timer.h"
#include "cache/call_token.h"
#include "cache/server_set.h"
#include "cache/shard_choice.h"

namespace floe::cache {

struct ShardReadOptions {
  SteadyTime decide_at;        // fewer than k good shards by then: missed
  SteadyTime last_shard_at{};  // or by then, if only one was missing; earlier: no such patience
  SteadyTime answer_by;        // the servers' own deadline
  SteadyTime reader_gone;      // the caller's deadline, for the kind of error
};

// What a read knows when every server has answered.
struct ShardReadReport {
  std::shared_ptr<const ServerSet> servers;
  std::optional<store::VerifiedSealed> chunk;  // none: it was not found
  std::vector<size_t> absent;                  // indices of shards that are not there
  std::vector<size_t> bad;                     // and of those that were wrong
  size_t mismatches = 0;
  bool reconstructed = false;
};

// Thread safe; keeps itself alive until every server has answered.
class ShardRead : public std::enable_shared_from_this<ShardRead> {
 public:
  using Done = std::function<void(absl::StatusOr<store::VerifiedSealed>)>;
  using Finished = std::function<void(const ShardReadReport&)>;

  // `done` hears once, as soon as it is known (NOT_FOUND, UNAVAILABLE, DATA_LOSS,
  // DEADLINE_EXCEEDED: cache_store.h). `finished` (on a worker or a server's thread) comes after
  // it. `timer`, `workers` and
  // `starter` (cache_store.h) are borrowed; `token` goes last of all.
  static void Start(const store::ChunkId& id, std::shared_ptr<const ServerSet> servers,
                    const ShardReadOptions& options, Timer& timer, Executor& workers,
                    Executor* starter, CallToken token, Done done, Finished finished);

  ShardRead(const store::ChunkId& id, std::shared_ptr<const ServerSet> servers,
            const ShardReadOptions& options, Timer& timer, Executor& workers, CallToken token,
            Done done, Finished finished);

 private:
  enum class Slot { kAsked, kCame, kAbsent, kFailed, kBad };
  enum class Next { kWait, kLook, kMiss, kFinish };

  void Begin();
  void Arrive(size_t index, absl::StatusOr<store::SealedBytes> result) FLOE_EXCLUDES(mutex_);
  void RunOutOfTime() FLOE_EXCLUDES(mutex_);
  // What to do now; marks it as begun.
  Next Decide() FLOE_REQUIRES(mutex_);
  void Do(Next next) FLOE_EXCLUDES(mutex_);
  // Checks what came and tries to make the chunk of it. On a worker.
  void Look() FLOE_EXCLUDES(mutex_);
  void Answer(absl::StatusOr<store::VerifiedSealed> result) FLOE_EXCLUDES(mutex_);
  void Finish() FLOE_EXCLUDES(mutex_);
  bool OnlyLastShardIsLate() const FLOE_REQUIRES(mutex_);
  size_t Count(Slot slot) const FLOE_REQUIRES(mutex_);
  absl::Status WhyMissed() const FLOE_REQUIRES(mutex_);

  const CallToken token_;  // first, so that it goes last
  const store::ChunkId id_;
  const std::shared_ptr<const ServerSet> servers_;
  const ShardReadOptions options_;
  Timer& timer_;
  Executor& workers_;
  Finished finished_;

  Mutex mutex_;
  Done done_ FLOE_GUARDED_BY(mutex_);  // empty: answered, or about to be
  Timer::Id timeout_ FLOE_GUARDED_BY(mutex_) = 0;
  std::vector<Slot> slots_ FLOE_GUARDED_BY(mutex_);
  std::vector<store::SealedBytes> fresh_ FLOE_GUARDED_BY(mutex_);  // came, not looked at yet
  size_t fresh_count_ FLOE_GUARDED_BY(mutex_) = 0;
  size_t pending_ FLOE_GUARDED_BY(mutex_) = 0;
  size_t good_ FLOE_GUARDED_BY(mutex_) = 0;
  bool busy_ FLOE_GUARDED_BY(mutex_) = false;  // one looks, or answers; it decides again after
  bool late_ FLOE_GUARDED_BY(mutex_) = false;
  bool finishing_ FLOE_GUARDED_BY(mutex_) = false;
  ShardReadReport report_ FLOE_GUARDED_BY(mutex_);
  ShardChoice choice_;  // of the one worker that looks
};

}  // namespace floe::cache
