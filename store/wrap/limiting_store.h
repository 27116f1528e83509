// SPDX-License-Identifier: Apache-2.0
// At most so many requests at once, and slots kept free for the urgent ones.
#pragma once

#include <array>
#include <list>
#include <memory>

#include "base/mutex.h"
#include "store/wrap/forwarding_store.h"
#include "store/wrap/limit_policy.h"

namespace floe::store {

struct LimitOptions {
  // The share of the limit that requests of a class, and of all more urgent ones, may fill
  // together: running, start, prefetch, background. What is left of 1 is reserved for the more
  // urgent. Each class gets at least one slot when nothing else runs.
  std::array<double, kRequestClasses> shares = {1.0, 0.9, 0.5, 0.25};
  // Prefetch and background requests beyond this many queued are refused (RESOURCE_EXHAUSTED);
  // running and starting containers are never.
  size_t max_queued = 4096;
};

// Queued requests go the most urgent first, then in order of arrival. What was cancelled or is past
// its deadline when its turn comes is answered without asking the store. Gets and puts count; lists
// pass.
class LimitingStore : public ForwardingStore {
 public:
  LimitingStore(std::shared_ptr<ChunkStore> inner, std::unique_ptr<LimitPolicy> policy,
                const LimitOptions& options = {});
  ~LimitingStore() override;

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override;
  void Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) override;

  size_t in_flight() FLOE_EXCLUDES(mutex_);
  size_t queued() FLOE_EXCLUDES(mutex_);

 private:
  struct Request {
    RequestOptions options;
    std::shared_ptr<Urgency> urgency;
    std::function<void()> start;               // asks the store
    std::function<void(absl::Status)> refuse;  // answers without asking
    // Where it waits; guarded by mutex_ of the store.
    bool queued = false;
    RequestClass queue = RequestClass::kRunning;
    std::list<std::shared_ptr<Request>>::iterator place;
  };
  // What a rising request calls: outlives the store in other hands, and then does nothing.
  struct Hook {
    Mutex mutex;
    LimitingStore* store FLOE_GUARDED_BY(mutex);
  };
  using Queue = std::list<std::shared_ptr<Request>>;

  void Enqueue(std::shared_ptr<Request> request) FLOE_EXCLUDES(mutex_);
  void EnqueueGuarded(std::shared_ptr<Request> request) FLOE_EXCLUDES(mutex_);
  // Calls Rise() of the store when the request's class rises, as long as there is a store.
  void ListenTo(const std::shared_ptr<Request>& request);
  // To the queue of its class now.
  void Rise(const std::shared_ptr<Request>& request) FLOE_EXCLUDES(mutex_);
  // Starts what fits now.
  void Dispatch() FLOE_EXCLUDES(mutex_);
  void Start(const Request& request) FLOE_EXCLUDES(mutex_);
  // nullptr when nothing fits. Counts it as in flight.
  std::shared_ptr<Request> TakeNext() FLOE_REQUIRES(mutex_);
  size_t SlotsOf(RequestClass request_class) const FLOE_REQUIRES(mutex_);
  std::shared_ptr<Request> NewRequest(const RequestOptions& options,
                                      std::function<void(absl::Status)> refuse);
  // After an answer: frees the slot, then Dispatch.
  void Finish(const absl::Status& status) FLOE_EXCLUDES(mutex_);

  const LimitOptions options_;
  Mutex mutex_;
  const std::unique_ptr<LimitPolicy> policy_ FLOE_PT_GUARDED_BY(mutex_);
  std::array<Queue, kRequestClasses> queues_ FLOE_GUARDED_BY(mutex_);  // in order of arrival
  size_t queued_ FLOE_GUARDED_BY(mutex_) = 0;
  size_t in_flight_ FLOE_GUARDED_BY(mutex_) = 0;
  // Somebody is in Dispatch and will see what changes: answers that come at once do not nest.
  bool dispatching_ FLOE_GUARDED_BY(mutex_) = false;
  const std::shared_ptr<Hook> hook_;
};

}  // namespace floe::store
