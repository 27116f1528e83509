// SPDX-License-Identifier: Apache-2.0
#include "store/tier/tiered_store.h"

#include "absl/strings/str_cat.h"

namespace floe::store {

void TieredStore::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  outstanding_.Begin();
  near_->Get(
      id, options,
      [this, id, options, done = std::move(done)](absl::StatusOr<FetchedChunk> near) mutable {
        if (!near.ok()) {
          GetFar(id, options, std::move(done));
          return;
        }
        done(std::move(near));
        outstanding_.End();
      });
}

void TieredStore::GetFar(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  far_->Get(id, options,
            [this, id, done = std::move(done)](absl::StatusOr<FetchedChunk> far) mutable {
              if (!far.ok()) {
                done(std::move(far));
                outstanding_.End();
                return;
              }
              workers_.Run([this, id, far = *std::move(far), done = std::move(done)]() mutable {
                auto chunk = Verified(id, std::move(far));
                if (chunk.ok()) Fill(*chunk);
                done(chunk.ok() ? absl::StatusOr<FetchedChunk>(*chunk) : chunk.status());
                outstanding_.End();
              });
            });
}

void TieredStore::Fill(const VerifiedSealed& chunk) {
  outstanding_.Begin();
  RequestOptions background;
  background.request_class = RequestClass::kBackground;
  near_->Put(chunk, background, [this](const absl::StatusOr<PutResult>&) { outstanding_.End(); });
}

std::string TieredStore::Name() const {
  return absl::StrCat(near_->Name(), " before ", far_->Name());
}

}  // namespace floe::store
