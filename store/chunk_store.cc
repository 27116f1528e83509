// SPDX-License-Identifier: Apache-2.0
#include "store/chunk_store.h"

#include <utility>

#include "store/blocking.h"

namespace floe::store {

absl::StatusOr<VerifiedSealed> Verified(const ChunkId& id, FetchedChunk fetched) {
  if (auto* verified = std::get_if<VerifiedSealed>(&fetched)) {
    if (verified->id() == id) return *std::move(verified);
    return absl::InternalError("a store answered with another chunk than asked for");
  }
  return VerifyById(id, std::get<SealedBytes>(std::move(fetched)));
}

size_t SizeOf(const FetchedChunk& fetched) {
  const auto* verified = std::get_if<VerifiedSealed>(&fetched);
  return verified != nullptr ? verified->bytes().size() : std::get<SealedBytes>(fetched)->size();
}

absl::StatusOr<VerifiedSealed> GetBlocking(ChunkStore& store, const ChunkId& id,
                                           const RequestOptions& options) {
  using Answer = absl::StatusOr<FetchedChunk>;
  Answer fetched = WaitFor<Answer>(
      [&](std::function<void(Answer)> done) { store.Get(id, options, std::move(done)); });
  if (!fetched.ok()) return fetched.status();
  return Verified(id, *std::move(fetched));
}

absl::StatusOr<PutResult> PutBlocking(ChunkStore& store, const VerifiedSealed& chunk,
                                      const RequestOptions& options) {
  using Answer = absl::StatusOr<PutResult>;
  return WaitFor<Answer>(
      [&](std::function<void(Answer)> done) { store.Put(chunk, options, std::move(done)); });
}

}  // namespace floe::store
