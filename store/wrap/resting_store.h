// SPDX-License-Identifier: Apache-2.0
// Leaves a store alone for a while when it fails again and again, for stores that others stand
// behind: nobody waits for a dead one more than a few times.
#pragma once

#include <memory>

#include "base/mutex.h"
#include "base/timer.h"
#include "store/wrap/forwarding_store.h"

namespace floe::store {

// Failures are UNAVAILABLE, DEADLINE_EXCEEDED and PERMISSION_DENIED; any other answer says that it
// works. While it rests, gets and puts are UNAVAILABLE at once; after `rest` one request a `rest`
// is let through, and its good answer ends that. Lists pass. Thread safe.
class RestingStore : public ForwardingStore {
 public:
  // `timer` (borrowed, outlives this) only tells the time.
  RestingStore(std::shared_ptr<ChunkStore> inner, Timer& timer, int failures,
               std::chrono::nanoseconds rest)
      : ForwardingStore(std::move(inner)), timer_(timer), most_(failures), rest_(rest) {}
  ~RestingStore() override { calls_.WaitUntilNone(); }

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override;
  void Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) override;

  bool resting() FLOE_EXCLUDES(mutex_);

 private:
  // False: not now. True, and then OnAnswer must follow.
  bool MayAsk() FLOE_EXCLUDES(mutex_);
  void OnAnswer(const absl::Status& status) FLOE_EXCLUDES(mutex_);
  absl::Status Rests() const;

  Timer& timer_;
  const int most_;
  const std::chrono::nanoseconds rest_;
  Mutex mutex_;
  int failures_ FLOE_GUARDED_BY(mutex_) = 0;  // one after the other
  SteadyTime until_ FLOE_GUARDED_BY(mutex_){};
};

}  // namespace floe::store
