// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/retry_store.h"

#include <algorithm>

#include "store/wrap/limit_policy.h"

namespace floe::store {
namespace {

// A timed-out attempt while the caller's own deadline has not passed was cut short by a wrapper
// below (DeadlineStore).
bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

template <typename T>
struct RetryStore::Call {
  RequestOptions options;
  std::function<void(std::function<void(absl::StatusOr<T>)>)> start;
  std::function<void(absl::StatusOr<T>)> done;
  int attempts = 0;
  int waits = 0;
};

RetryStore::RetryStore(std::shared_ptr<ChunkStore> inner, Timer& timer, const RetryOptions& options,
                       uint64_t seed, Counter* retries, std::shared_ptr<RetryBudget> budget)
    : ForwardingStore(std::move(inner)),
      timer_(timer),
      options_(options),
      retries_(retries),
      budget_(budget != nullptr
                  ? std::move(budget)
                  : std::make_shared<RetryBudget>(options.budget, options.budget_burst)),
      random_(seed) {}

SteadyTime RetryStore::Later(int waits) {
  const int doublings = std::min(waits, 20);
  const std::chrono::milliseconds longest =
      std::min(options_.cap, options_.base * (1 << doublings));
  std::uniform_int_distribution<int64_t> wait(0, std::chrono::nanoseconds(longest).count());
  MutexLock lock(mutex_);
  return timer_.Now() +
         std::chrono::duration_cast<SteadyTime::duration>(std::chrono::nanoseconds(wait(random_)));
}

template <typename T>
void RetryStore::Begin(const RequestOptions& options,
                       std::function<void(std::function<void(absl::StatusOr<T>)>)> start,
                       std::function<void(absl::StatusOr<T>)> done) {
  budget_->Earn();
  calls_.Begin();
  Attempt(std::make_shared<Call<T>>(Call<T>{options, std::move(start), std::move(done)}));
}

template <typename T>
void RetryStore::Attempt(std::shared_ptr<Call<T>> call) {
  ++call->attempts;
  call->start([this, call](absl::StatusOr<T> result) { OnAnswer<T>(call, std::move(result)); });
}

template <typename T>
void RetryStore::OnAnswer(std::shared_ptr<Call<T>> call, absl::StatusOr<T> result) {
  const absl::Status& status = result.status();
  const bool more = MayPass(status) && !call->options.cancel.cancelled() &&
                    (call->attempts < options_.attempts || IsSlowDown(status));
  const SteadyTime later = more ? Later(call->waits++) : kNoDeadline;
  if (!more || later >= call->options.deadline) {
    call->done(std::move(result));
    calls_.End();
  } else if (IsCongestion(status) ? budget_->SpendOrTrickle(timer_.Now()) : budget_->Spend()) {
    if (retries_ != nullptr) retries_->Add();
    timer_.RunAt(later, [this, call] { Attempt<T>(call); });
  } else if (IsCongestion(status)) {
    timer_.RunAt(later, [this, call, result] { OnAnswer<T>(call, result); });
  } else {
    call->done(std::move(result));
    calls_.End();
  }
}

void RetryStore::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  Begin<FetchedChunk>(
      options, [this, id, options](GetCallback answer) { inner().Get(id, options, answer); },
      std::move(done));
}

void RetryStore::Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) {
  Begin<PutResult>(
      options, [this, chunk, options](PutCallback answer) { inner().Put(chunk, options, answer); },
      std::move(done));
}

void RetryStore::List(const std::string& from, size_t limit, const RequestOptions& options,
                      ListCallback done) {
  Begin<ChunkPage>(
      options,
      [this, from, limit, options](ListCallback answer) {
        inner().List(from, limit, options, answer);
      },
      std::move(done));
}

}  // namespace floe::store
