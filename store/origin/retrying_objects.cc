// SPDX-License-Identifier: Apache-2.0
#include "store/origin/retrying_objects.h"

#include <algorithm>
#include <utility>

#include "store/seal/cipher.h"

namespace floe::store {

template <typename T>
struct RetryingObjects::Call {
  RequestOptions options;
  std::function<void(std::function<void(T)>)> start;
  std::function<void(T, int attempts)> done;
  int attempts = 0;
};

namespace {

const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

}  // namespace

RetryingObjects::RetryingObjects(std::shared_ptr<ObjectStore> inner,
                                 const RetryObjectsOptions& options)
    : inner_(std::move(inner)), options_(options) {}

SteadyTime RetryingObjects::NextAttempt(const absl::Status& status, int attempts_made,
                                        const RequestOptions& options) {
  if (!absl::IsUnavailable(status) || attempts_made >= options_.attempts ||
      options.cancel.cancelled()) {
    return kNoDeadline;
  }
  const std::chrono::nanoseconds longest =
      std::min(options_.cap, options_.base * (1 << std::min(attempts_made - 1, 16)));
  uint32_t random = 0;
  RandomBytes({reinterpret_cast<uint8_t*>(&random), sizeof(random)});
  const SteadyTime when =
      timer_.Now() + longest / 2 + (longest / 2 / 1024) * static_cast<int64_t>(random % 1024);
  return when < options.deadline ? when : kNoDeadline;
}

template <typename T>
void RetryingObjects::Attempt(std::shared_ptr<Call<T>> call) {
  ++call->attempts;
  call->start([this, call](T result) {
    const SteadyTime next = NextAttempt(StatusOf(result), call->attempts, call->options);
    if (next == kNoDeadline) {
      call->done(std::move(result), call->attempts);
      return calls_.End();
    }
    timer_.RunAt(next, [this, call] { Attempt<T>(call); });
  });
}

void RetryingObjects::Get(const std::string& name, uint64_t max_bytes,
                          const RequestOptions& options, GetCallback done) {
  using T = absl::StatusOr<SealedBytes>;
  calls_.Begin();
  Attempt<T>(std::make_shared<Call<T>>(
      Call<T>{options,
              [this, name, max_bytes, options](GetCallback answer) {
                inner_->Get(name, max_bytes, options, std::move(answer));
              },
              [done = std::move(done)](T result, int) { done(std::move(result)); }}));
}

void RetryingObjects::IsOwnPut(const std::string& name, const SealedBytes& bytes,
                               const RequestOptions& options, PutCallback done) {
  calls_.Begin();
  inner_->Get(name, bytes->size(), options,
              [this, bytes, done = std::move(done)](absl::StatusOr<SealedBytes> there) {
                const bool own = there.ok() && **there == *bytes;
                done(own ? PutResult::kCreated : PutResult::kExisted);
                calls_.End();
              });
}

void RetryingObjects::Put(const std::string& name, SealedBytes bytes, PutDurability durability,
                          const RequestOptions& options, PutCallback done) {
  using T = absl::StatusOr<PutResult>;
  calls_.Begin();
  Attempt<T>(std::make_shared<Call<T>>(
      Call<T>{options,
              [this, name, bytes, durability, options](PutCallback answer) {
                inner_->Put(name, bytes, durability, options, std::move(answer));
              },
              [this, name, bytes, options, done = std::move(done)](T result, int attempts) {
                if (attempts > 1 && result.ok() && *result == PutResult::kExisted) {
                  return IsOwnPut(name, bytes, options, done);
                }
                done(std::move(result));
              }}));
}

void RetryingObjects::Replace(const std::string& name, SealedBytes bytes,
                              const RequestOptions& options, DoneCallback done) {
  using T = absl::Status;
  calls_.Begin();
  Attempt<T>(std::make_shared<Call<T>>(
      Call<T>{options,
              [this, name, bytes, options](DoneCallback answer) {
                inner_->Replace(name, bytes, options, std::move(answer));
              },
              [done = std::move(done)](T result, int) { done(std::move(result)); }}));
}

void RetryingObjects::List(const std::string& prefix, const std::string& from, size_t limit,
                           const RequestOptions& options, ListCallback done) {
  using T = absl::StatusOr<ObjectPage>;
  calls_.Begin();
  Attempt<T>(std::make_shared<Call<T>>(
      Call<T>{options,
              [this, prefix, from, limit, options](ListCallback answer) {
                inner_->List(prefix, from, limit, options, std::move(answer));
              },
              [done = std::move(done)](T result, int) { done(std::move(result)); }}));
}

}  // namespace floe::store
