// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/resting_store.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace floe::store {

bool RestingStore::resting() {
  MutexLock lock(mutex_);
  return failures_ >= most_;
}

bool RestingStore::MayAsk() {
  MutexLock lock(mutex_);
  if (failures_ < most_) return true;
  if (timer_.Now() < until_) return false;
  until_ = timer_.Now() + rest_;
  return true;
}

void RestingStore::OnAnswer(const absl::Status& status) {
  // Who gave up early says nothing about the store.
  if (absl::IsCancelled(status)) return;
  const bool failed = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
                      absl::IsPermissionDenied(status);
  MutexLock lock(mutex_);
  if (!failed) {
    failures_ = 0;
    return;
  }
  if (failures_ < most_ && ++failures_ == most_) until_ = timer_.Now() + rest_;
}

absl::Status RestingStore::Rests() const {
  return absl::UnavailableError("left alone for a while: it failed several times");
}

void RestingStore::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  if (!MayAsk()) return done(Annotate(Rests(), Name()));
  calls_.Begin();
  inner().Get(id, options, [this, done = std::move(done)](absl::StatusOr<FetchedChunk> fetched) {
    OnAnswer(fetched.status());
    done(std::move(fetched));
    calls_.End();
  });
}

void RestingStore::Put(const VerifiedSealed& chunk, const RequestOptions& options,
                       PutCallback done) {
  if (!MayAsk()) return done(Annotate(Rests(), Name()));
  calls_.Begin();
  inner().Put(chunk, options, [this, done = std::move(done)](absl::StatusOr<PutResult> result) {
    OnAnswer(result.status());
    done(std::move(result));
    calls_.End();
  });
}

}  // namespace floe::store
