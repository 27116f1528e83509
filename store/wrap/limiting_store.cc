// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/limiting_store.h"

#include <utility>

namespace floe::store {

LimitingStore::LimitingStore(std::shared_ptr<ChunkStore> inner, std::unique_ptr<LimitPolicy> policy,
                             const LimitOptions& options, Clock& clock)
    : ForwardingStore(inner),
      limiter_(std::make_shared<RequestLimiter>(inner->Name(), std::move(policy), options, clock)) {
}

template <typename T>
void LimitingStore::Submit(const RequestOptions& options,
                           std::function<void(std::function<void(absl::StatusOr<T>)>)> start,
                           std::function<void(absl::StatusOr<T>)> done) {
  calls_.Begin();  // ends with the answer
  // The answer may come, and our owner let us go, before Submit returns.
  const std::shared_ptr<RequestLimiter> limiter = limiter_;
  limiter->Submit(
      options,
      [this, start = std::move(start), done] {
        start([this, done, started = limiter_->Now()](absl::StatusOr<T> result) {
          limiter_->Finish(result.status(), started);
          done(std::move(result));
          calls_.End();
        });
      },
      [this, done](absl::Status refusal) {
        done(std::move(refusal));
        calls_.End();
      });
}

void LimitingStore::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  Submit<FetchedChunk>(
      options, [this, id, options](GetCallback answer) { inner().Get(id, options, answer); },
      std::move(done));
}

void LimitingStore::Put(const VerifiedSealed& chunk, const RequestOptions& options,
                        PutCallback done) {
  Submit<PutResult>(
      options, [this, chunk, options](PutCallback answer) { inner().Put(chunk, options, answer); },
      std::move(done));
}

}  // namespace floe::store
