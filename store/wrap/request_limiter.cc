// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/request_limiter.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace floe::store {

RequestLimiter::RequestLimiter(std::string name, std::unique_ptr<LimitPolicy> policy,
                               const LimitOptions& options, Clock& clock, Timer* timer)
    : name_(std::move(name)),
      options_(options),
      clock_(clock),
      timer_(timer),
      policy_(std::move(policy)),
      random_(options.seed) {}

LimiterLoad RequestLimiter::load() {
  const SteadyTime now = clock_.Now();
  MutexLock lock(mutex_);
  LimiterLoad load{policy_->limit(), in_flight_, queued_, 0, {}};
  for (const RequestClass urgent : {RequestClass::kRunning, RequestClass::kStart}) {
    const Queue& queue = queues_[static_cast<size_t>(urgent)];
    load.urgent += queue.size();
    if (queue.empty()) continue;
    load.longest_wait = std::max(load.longest_wait, now - queue.front()->since);
  }
  return load;
}

absl::Status RequestLimiter::StillWanted(const RequestOptions& options) {
  if (options.cancel.cancelled()) return absl::CancelledError("cancelled while it was queued");
  if (options.deadline != kNoDeadline && clock_.Now() >= options.deadline) {
    return absl::DeadlineExceededError("the deadline passed while it was queued");
  }
  return absl::OkStatus();
}

size_t RequestLimiter::SlotsOf(RequestClass request_class) const {
  const double share = options_.shares[static_cast<size_t>(request_class)];
  const auto slots = static_cast<size_t>(static_cast<double>(policy_->limit()) * share);
  return std::max<size_t>(slots, 1);
}

std::shared_ptr<RequestLimiter::Request> RequestLimiter::TakeNext() {
  if (paused_) return nullptr;
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

void RequestLimiter::Dispatch() {
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

void RequestLimiter::Start(Request& request) {
  const auto start = std::move(request.start);
  const auto refuse = std::move(request.refuse);
  const absl::Status wanted = StillWanted(request.options);
  if (wanted.ok()) return start();
  {
    MutexLock lock(mutex_);
    --in_flight_;
  }
  refuse(wanted);
}

SteadyTime RequestLimiter::Pause() {
  const std::chrono::nanoseconds mean = policy_->pause();
  if (mean.count() == 0 || timer_ == nullptr || paused_) return kNoDeadline;
  paused_ = true;
  // Nodes that were told to slow down together must not come back together.
  std::uniform_int_distribution<int64_t> jitter(mean.count() / 2, mean.count() * 3 / 2);
  return timer_->Now() + std::chrono::duration_cast<SteadyTime::duration>(
                             std::chrono::nanoseconds(jitter(random_)));
}

void RequestLimiter::Finish(const absl::Status& status, SteadyTime started) {
  const SteadyTime::duration took = clock_.Now() - started;
  SteadyTime pause_ends;
  {
    MutexLock lock(mutex_);
    --in_flight_;
    policy_->OnAnswer(status, took, in_flight_);
    pause_ends = Pause();
  }
  if (pause_ends != kNoDeadline) {
    timer_->RunAt(pause_ends, [limiter = weak_from_this()] {
      const std::shared_ptr<RequestLimiter> self = limiter.lock();
      if (self == nullptr) return;
      {
        MutexLock lock(self->mutex_);
        self->paused_ = false;
      }
      self->Dispatch();
    });
  }
  Dispatch();
}

bool RequestLimiter::RefusesNow(RequestClass request_class) {
  MutexLock lock(mutex_);
  return queued_ >= options_.max_queued && request_class >= RequestClass::kPrefetch;
}

void RequestLimiter::Submit(const RequestOptions& options, std::function<void()> start,
                            std::function<void(absl::Status)> refuse) {
  auto request = std::make_shared<Request>();
  request->options = options;
  request->urgency = options.urgency != nullptr ? options.urgency
                                                : std::make_shared<Urgency>(options.request_class);
  if (RefusesNow(request->urgency->request_class())) {
    refuse(absl::ResourceExhaustedError(
        absl::StrCat(name_, ": too many requests wait; this one can be done without")));
    return;
  }
  request->start = std::move(start);
  request->refuse = std::move(refuse);
  request->since = clock_.Now();
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

void RequestLimiter::ListenTo(const std::shared_ptr<Request>& request) {
  request->urgency->Listen(this,
                           [limiter = weak_from_this(), weak = std::weak_ptr<Request>(request)] {
                             const std::shared_ptr<RequestLimiter> self = limiter.lock();
                             const std::shared_ptr<Request> risen = weak.lock();
                             if (self != nullptr && risen != nullptr) self->Rise(risen);
                           });
}

void RequestLimiter::Rise(const std::shared_ptr<Request>& request) {
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

}  // namespace floe::store
