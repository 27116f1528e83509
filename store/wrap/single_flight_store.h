// SPDX-License-Identifier: Apache-2.0
// One fetch a chunk, however many readers wait. Only sealed bytes are shared: who may open them is
// each reader's own business.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "base/timer.h"
#include "store/wrap/forwarding_store.h"

namespace floe::store {

// Gets of one id that overlap share one Get of the store below, as urgent as the most urgent of
// them. Each is answered at its own deadline; the fetch goes on for the others and is cancelled
// when nobody waits any more. An error is everybody's error: put RetryStore below.
class SingleFlightStore : public ForwardingStore {
 public:
  // `timer` is borrowed and outlives this; `shared` (optional, borrowed) counts gets that joined.
  SingleFlightStore(std::shared_ptr<ChunkStore> inner, Timer& timer, Counter* shared = nullptr)
      : ForwardingStore(std::move(inner)), timer_(timer), shared_(shared) {}
  ~SingleFlightStore() override { calls_.WaitUntilNone(); }

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override
      FLOE_EXCLUDES(mutex_);

 private:
  struct Waiter {
    GetCallback done;
    Timer::Id timeout = 0;  // 0: none
  };
  struct Flight {
    std::map<uint64_t, Waiter> waiters;  // guarded by mutex_
    CancelSource cancel;
    std::shared_ptr<Urgency> urgency;
  };

  static void Follow(const RequestOptions& options, const std::shared_ptr<Flight>& flight);
  void Land(const ChunkId& id, const std::shared_ptr<Flight>& flight,
            const absl::StatusOr<FetchedChunk>& result) FLOE_EXCLUDES(mutex_);
  void TimeOut(const ChunkId& id, const std::shared_ptr<Flight>& flight, uint64_t waiter)
      FLOE_EXCLUDES(mutex_);
  // No further Get joins it.
  void Leave(const ChunkId& id, const std::shared_ptr<Flight>& flight) FLOE_REQUIRES(mutex_);

  Timer& timer_;
  Counter* const shared_;
  Mutex mutex_;
  uint64_t next_waiter_ FLOE_GUARDED_BY(mutex_) = 0;
  std::map<ChunkId, std::shared_ptr<Flight>> flights_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::store
