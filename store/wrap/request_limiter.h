// SPDX-License-Identifier: Apache-2.0
// At most so many requests at once towards one origin, and slots kept free for the urgent ones:
// shared by all stores that stand before it (the roots of a store).
#pragma once

#include <array>
#include <functional>
#include <list>
#include <memory>
#include <random>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/timer.h"
#include "store/chunk_store.h"
#include "store/wrap/limit_policy.h"

namespace floe::store {

struct LimitOptions {
  // The share of the limit that requests of a class, and of all more urgent ones, may fill
  // together: running, start, prefetch, background. What is left of 1 is reserved for the more
  // urgent. Each class gets at least one slot when nothing else runs.
  std::array<double, kRequestClasses> shares = {1.0, 0.9, 0.5, 0.25};
  // Prefetch and background requests beyond this many queued are refused (RESOURCE_EXHAUSTED);
  // running and starting containers are never: their number is that of readers that wait.
  size_t max_queued = 4096;
  uint64_t seed = 1;  // of the jitter of pauses
};

// What a limiter has to do now.
struct LimiterLoad {
  size_t limit = 0;
  size_t in_flight = 0;
  size_t queued = 0;
  size_t urgent = 0;                    // of those queued: running and start
  SteadyTime::duration longest_wait{};  // of the urgent ones
};

// Queued requests go the most urgent first, then in order of arrival. What was cancelled or is past
// its deadline when its turn comes is refused without a start. Thread safe; held by shared_ptr.
class RequestLimiter : public std::enable_shared_from_this<RequestLimiter> {
 public:
  // `name` is what refusals call the origin. `clock` and `timer` (optional: without one there are
  // no pauses) are borrowed and outlive this.
  RequestLimiter(std::string name, std::unique_ptr<LimitPolicy> policy,
                 const LimitOptions& options = {}, Clock& clock = Clock::Real(),
                 Timer* timer = nullptr);

  // Calls one of both once, now or later, on any thread. After `start` the caller owes Finish().
  void Submit(const RequestOptions& options, std::function<void()> start,
              std::function<void(absl::Status)> refuse) FLOE_EXCLUDES(mutex_);
  // The answer to a request that was started at `started` came: its slot is free. Call it before
  // the answer is passed on, which may ask for more.
  void Finish(const absl::Status& status, SteadyTime started) FLOE_EXCLUDES(mutex_);
  SteadyTime Now() { return clock_.Now(); }

  LimiterLoad load() FLOE_EXCLUDES(mutex_);

 private:
  struct Request {
    RequestOptions options;
    std::shared_ptr<Urgency> urgency;
    std::function<void()> start;
    std::function<void(absl::Status)> refuse;
    SteadyTime since;
    // Where it waits; guarded by mutex_ of the limiter.
    bool queued = false;
    RequestClass queue = RequestClass::kRunning;
    std::list<std::shared_ptr<Request>>::iterator place;
  };
  using Queue = std::list<std::shared_ptr<Request>>;

  bool RefusesNow(RequestClass request_class) FLOE_EXCLUDES(mutex_);
  // Calls Rise() when the request's class rises, as long as there is a limiter.
  void ListenTo(const std::shared_ptr<Request>& request);
  // To the queue of its class now.
  void Rise(const std::shared_ptr<Request>& request) FLOE_EXCLUDES(mutex_);
  // Starts what fits now.
  void Dispatch() FLOE_EXCLUDES(mutex_);
  void Start(Request& request) FLOE_EXCLUDES(mutex_);
  absl::Status StillWanted(const RequestOptions& options);
  // nullptr when nothing fits. Counts it as in flight.
  std::shared_ptr<Request> TakeNext() FLOE_REQUIRES(mutex_);
  size_t SlotsOf(RequestClass request_class) const FLOE_REQUIRES(mutex_);
  // When Dispatch has to be called because a pause ends; kNoDeadline: no pause.
  SteadyTime Pause() FLOE_REQUIRES(mutex_);

  const std::string name_;
  const LimitOptions options_;
  Clock& clock_;
  Timer* const timer_;
  Mutex mutex_;
  const std::unique_ptr<LimitPolicy> policy_ FLOE_PT_GUARDED_BY(mutex_);
  std::array<Queue, kRequestClasses> queues_ FLOE_GUARDED_BY(mutex_);  // in order of arrival
  size_t queued_ FLOE_GUARDED_BY(mutex_) = 0;
  size_t in_flight_ FLOE_GUARDED_BY(mutex_) = 0;
  bool paused_ FLOE_GUARDED_BY(mutex_) = false;
  std::mt19937_64 random_ FLOE_GUARDED_BY(mutex_);
  // Somebody is in Dispatch and will see what changes: answers that come at once do not nest.
  bool dispatching_ FLOE_GUARDED_BY(mutex_) = false;
};

}  // namespace floe::store
