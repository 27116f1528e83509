// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/verifying_store.h"

namespace floe::store {

void VerifyingStore::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  calls_.Begin();
  inner().Get(id, options,
              [this, id, done = std::move(done)](absl::StatusOr<FetchedChunk> fetched) mutable {
                if (!fetched.ok()) {
                  done(fetched.status());
                  calls_.End();
                  return;
                }
                workers_.Run([this, id, fetched = *std::move(fetched), done = std::move(done)] {
                  Check(id, fetched, done);
                  calls_.End();
                });
              });
}

void VerifyingStore::Check(const ChunkId& id, FetchedChunk fetched, const GetCallback& done) {
  auto verified = Verified(id, std::move(fetched));
  if (verified.ok()) return done(FetchedChunk(*std::move(verified)));
  if (mismatches_ != nullptr) mismatches_->Add();
  done(Annotate(verified.status(), Name()));
}

}  // namespace floe::store
