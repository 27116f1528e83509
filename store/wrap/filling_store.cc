// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/filling_store.h"

#include <utility>

namespace floe::store {

void FillingStore::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  calls_.Begin();
  inner().Get(
      id, options,
      [this, id, options, done = std::move(done)](absl::StatusOr<FetchedChunk> fetched) mutable {
        if (!fetched.ok()) {
          done(std::move(fetched));
          calls_.End();
          return;
        }
        workers_.Run(
            [this, id, options, fetched = *std::move(fetched), done = std::move(done)]() mutable {
              auto chunk = Verified(id, std::move(fetched));
              if (chunk.ok() && policy_.Wants(options)) Fill(*chunk);
              done(chunk.ok() ? absl::StatusOr<FetchedChunk>(*chunk) : chunk.status());
              calls_.End();
            });
      });
}

void FillingStore::Fill(const VerifiedSealed& chunk) {
  calls_.Begin();
  RequestOptions background;
  background.request_class = RequestClass::kBackground;
  target_->Put(chunk, background, [this](const absl::StatusOr<PutResult>&) { calls_.End(); });
}

}  // namespace floe::store
