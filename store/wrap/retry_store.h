// SPDX-License-Identifier: Apache-2.0
// Tries again what may pass: UNAVAILABLE, and attempts that timed out.
#pragma once

#include <memory>
#include <random>

#include "base/metrics.h"
#include "base/mutex.h"
#include "base/timer.h"
#include "store/wrap/forwarding_store.h"
#include "store/wrap/retry_budget.h"

namespace floe::store {

struct RetryOptions {
  int attempts = 6;  // in all, the first one included
  std::chrono::milliseconds base{50};
  std::chrono::milliseconds cap{5000};
  // Retries may be at most this share of requests, so that a store in trouble is not buried under
  // them; `budget_burst` retries may come at once.
  double budget = 0.1;
  double budget_burst = 20;
};

// Before attempt n+1 waits a random time between 0 and min(cap, base * 2^n) (full jitter), never
// beyond the deadline: then the last error is the answer. Without budget the error is the answer at
// once, unless the store said "slow down" or was too slow: then the request waits for the budget,
// and "slow down" does not count as an attempt. A cancelled request is not tried again. Get, Put
// and List alike: all can be repeated.
class RetryStore : public ForwardingStore {
 public:
  // `timer` is borrowed and outlives this; `seed` makes the waits repeatable in tests; `retries`
  // (optional, borrowed) counts. All who ask one origin share `budget`; null: one of its own, as
  // the options say.
  RetryStore(std::shared_ptr<ChunkStore> inner, Timer& timer, const RetryOptions& options,
             uint64_t seed, Counter* retries = nullptr,
             std::shared_ptr<RetryBudget> budget = nullptr);
  ~RetryStore() override { calls_.WaitUntilNone(); }

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override;
  void Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) override;
  void List(const std::string& from, size_t limit, const RequestOptions& options,
            ListCallback done) override;

 private:
  template <typename T>
  struct Call;
  template <typename T>
  void Begin(const RequestOptions& options,
             std::function<void(std::function<void(absl::StatusOr<T>)>)> start,
             std::function<void(absl::StatusOr<T>)> done);
  template <typename T>
  void Attempt(std::shared_ptr<Call<T>> call);
  template <typename T>
  void OnAnswer(std::shared_ptr<Call<T>> call, absl::StatusOr<T> result);
  // A random time from now, longer after more waits.
  SteadyTime Later(int waits) FLOE_EXCLUDES(mutex_);

  Timer& timer_;
  const RetryOptions options_;
  Counter* const retries_;
  const std::shared_ptr<RetryBudget> budget_;
  Mutex mutex_;
  std::mt19937_64 random_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::store
