// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/limiting_store.h"

#include <algorithm>
#include <utility>

namespace floe::store {
namespace {

absl::Status StillWanted(const RequestOptions& options) {
  if (options.cancel.cancelled()) return absl::CancelledError("cancelled while it was queued");
  if (options.deadline != kNoDeadline && Clock::Real().Now() >= options.deadline) {
    return absl::DeadlineExceededError("the deadline passed while it was queued");
  }
  return absl::OkStatus();
}

}  // namespace

LimitingStore::LimitingStore(std::shared_ptr<ChunkStore> inner, std::unique_ptr<LimitPolicy> policy,
                             const LimitOptions& options)
    : ForwardingStore(std::move(inner)),
      options_(options),
      policy_(std::move(policy)),
      hook_(std::make_shared<Hook>()) {
  MutexLock lock(hook_->mutex);
  hook_->store = this;
}

LimitingStore::~LimitingStore() {
  {
    MutexLock lock(hook_->mutex);
    hook_->store = nullptr;
  }
  calls_.WaitUntilNone();
}

size_t LimitingStore::in_flight() {
  MutexLock lock(mutex_);
  return in_flight_;
}

size_t LimitingStore::queued() {
  MutexLock lock(mutex_);
  return queued_;
}

size_t LimitingStore::SlotsOf(RequestClass request_class) const {
  const double share = options_.shares[static_cast<size_t>(request_class)];
  const auto slots = static_cast<size_t>(static_cast<double>(policy_->limit()) * share);
  return std::max<size_t>(slots, 1);
}

std::shared_ptr<LimitingStore::Request> LimitingStore::TakeNext() {
  for (size_t i = 0; i < queues_.size(); ++i) {
    if (queues_[i].empty()) continue;
    // A less urgent class has no more slots than this one.
    if (in_flight_ >= SlotsOf(static_cast<RequestClass>(i))) return nullptr;
    std::shared_ptr<Request> request = std::move(queues_[i].front());
    queues_[i].pop_front();
    request->queued = false;
    --queued_;
    ++in_flight_;
    return request;
  }
  return nullptr;
}

void LimitingStore::Dispatch() {
  while (true) {
    std::shared_ptr<Request> request;
    {
      MutexLock lock(mutex_);
      if (dispatching_) return;
      request = TakeNext();
      if (request == nullptr) return;
      dispatching_ = true;
    }
    Start(*request);
    MutexLock lock(mutex_);
    dispatching_ = false;
  }
}

void LimitingStore::Start(const Request& request) {
  const absl::Status wanted = StillWanted(request.options);
  if (wanted.ok()) return request.start();
  {
    MutexLock lock(mutex_);
    --in_flight_;
  }
  request.refuse(wanted);
  calls_.End();
}

void LimitingStore::Finish(const absl::Status& status) {
  {
    MutexLock lock(mutex_);
    --in_flight_;
    policy_->OnAnswer(status);
  }
  Dispatch();
}

void LimitingStore::Enqueue(std::shared_ptr<Request> request) {
  calls_.Begin();  // ends with the answer
  // And one for this call: the answer may come, and our owner let us go, before it returns.
  calls_.Begin();
  EnqueueGuarded(std::move(request));
  calls_.End();
}

void LimitingStore::EnqueueGuarded(std::shared_ptr<Request> request) {
  bool full = false;
  {
    MutexLock lock(mutex_);
    full = queued_ >= options_.max_queued &&
           request->urgency->request_class() >= RequestClass::kPrefetch;
  }
  if (full) {
    request->refuse(absl::ResourceExhaustedError(
        Name() + ": too many requests wait; this one can be done without"));
    calls_.End();
    return;
  }
  ListenTo(request);
  {
    MutexLock lock(mutex_);
    request->queue = request->urgency->request_class();
    Queue& queue = queues_[static_cast<size_t>(request->queue)];
    request->place = queue.insert(queue.end(), request);
    request->queued = true;
    ++queued_;
  }
  Rise(request);  // it may have risen before it had a place
}

void LimitingStore::ListenTo(const std::shared_ptr<Request>& request) {
  request->urgency->Listen(hook_.get(), [hook = hook_, weak = std::weak_ptr<Request>(request)] {
    const std::shared_ptr<Request> risen = weak.lock();
    LimitingStore* store = nullptr;
    {
      MutexLock lock(hook->mutex);
      if (hook->store == nullptr || risen == nullptr) return;
      store = hook->store;
      store->calls_.Begin();  // keeps it until we are done
    }
    store->Rise(risen);
    store->calls_.End();
  });
}

void LimitingStore::Rise(const std::shared_ptr<Request>& request) {
  {
    MutexLock lock(mutex_);
    const RequestClass now = request->urgency->request_class();
    if (request->queued && now != request->queue) {
      Queue& to = queues_[static_cast<size_t>(now)];
      to.splice(to.end(), queues_[static_cast<size_t>(request->queue)], request->place);
      request->queue = now;
    }
  }
  Dispatch();
}

std::shared_ptr<LimitingStore::Request> LimitingStore::NewRequest(
    const RequestOptions& options, std::function<void(absl::Status)> refuse) {
  auto request = std::make_shared<Request>();
  request->options = options;
  request->urgency = options.urgency != nullptr ? options.urgency
                                                : std::make_shared<Urgency>(options.request_class);
  request->refuse = std::move(refuse);
  return request;
}

void LimitingStore::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  auto request = NewRequest(options, done);
  request->start = [this, id, options, done] {
    inner().Get(id, options, [this, done](absl::StatusOr<FetchedChunk> result) {
      // The slot first: the answer may ask for more.
      Finish(result.status());
      done(std::move(result));
      calls_.End();
    });
  };
  Enqueue(std::move(request));
}

void LimitingStore::Put(const VerifiedSealed& chunk, const RequestOptions& options,
                        PutCallback done) {
  auto request = NewRequest(options, done);
  request->start = [this, chunk, options, done] {
    inner().Put(chunk, options, [this, done](absl::StatusOr<PutResult> result) {
      Finish(result.status());
      done(std::move(result));
      calls_.End();
    });
  };
  Enqueue(std::move(request));
}

}  // namespace floe::store
