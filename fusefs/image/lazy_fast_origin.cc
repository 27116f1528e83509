// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/lazy_fast_origin.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace floe::fusefs {

std::shared_ptr<store::FastOrigin> LazyFastOrigin::IfOpen() const {
  MutexLock lock(mutex_);
  return origin_;
}

absl::StatusOr<std::shared_ptr<store::FastOrigin>> LazyFastOrigin::Open() {
  MutexLock lock(mutex_);
  if (origin_) return origin_;
  auto opened = store::FastOrigin::Open(address_, io_threads_);
  if (opened.ok()) {
    Log(LogLevel::kInfo, "fast origin opened", {{"store", address_}});
    origin_ = *std::move(opened);
    return origin_;
  }
  const absl::Status failure = absl::UnavailableError(
      absl::StrCat("fast origin ", address_, ": ", opened.status().message()));
  if (!std::exchange(told_, true)) {
    Log(LogLevel::kWarning, "fast origin not open; chunks come from the other one",
        {{"reason", failure.message()}});
  }
  return failure;
}

std::shared_ptr<store::ChunkStore> LazyFastChunks::ChunksOf(const store::FastOrigin& origin) {
  MutexLock lock(mutex_);
  if (!chunks_) chunks_ = origin.Chunks(root_);
  return chunks_;
}

void LazyFastChunks::WithChunks(std::function<void(store::ChunkStore&)> ask,
                                std::function<void(const absl::Status&)> refuse) {
  if (const auto open = origin_.IfOpen()) return ask(*ChunksOf(*open));
  outstanding_.Begin();
  blocking_.Run([this, ask = std::move(ask), refuse = std::move(refuse)]() mutable {
    const auto opened = origin_.Open();
    if (opened.ok()) {
      ask(*ChunksOf(**opened));
    } else {
      refuse(opened.status());
    }
    ask = nullptr;
    refuse = nullptr;
    outstanding_.End();
  });
}

void LazyFastChunks::Get(const store::ChunkId& id, const store::RequestOptions& options,
                         GetCallback done) {
  WithChunks(
      [this, id, options, done](store::ChunkStore& chunks) {
        outstanding_.Begin();
        chunks.Get(id, options, [this, done](absl::StatusOr<store::FetchedChunk> chunk) {
          done(std::move(chunk));
          outstanding_.End();
        });
      },
      [done](const absl::Status& failure) { done(failure); });
}

void LazyFastChunks::Put(const store::VerifiedSealed& chunk, const store::RequestOptions& options,
                         PutCallback done) {
  WithChunks(
      [this, chunk, options, done](store::ChunkStore& chunks) {
        outstanding_.Begin();
        chunks.Put(chunk, options, [this, done](absl::StatusOr<store::PutResult> result) {
          done(result);
          outstanding_.End();
        });
      },
      [done](const absl::Status& failure) { done(failure); });
}

void LazyFastChunks::List(const std::string&, size_t, const store::RequestOptions&,
                          ListCallback done) {
  done(absl::PermissionDeniedError("floe-fusefs does not list the store"));
}

std::string LazyFastChunks::Name() const {
  return absl::StrCat("fast ", origin_.address(), " root ", ToHex(root_));
}

}  // namespace floe::fusefs
