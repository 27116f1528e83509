// SPDX-License-Identifier: Apache-2.0
#include "store/tier/tiered_store.h"

#include "absl/strings/str_cat.h"

namespace floe::store {

void TieredStore::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  outstanding_.Begin();
  near_->Get(
      id, options,
      [this, id, options, done = std::move(done)](absl::StatusOr<FetchedChunk> near) mutable {
        if (near.ok()) {
          done(std::move(near));
        } else {
          far_.Get(id, options, std::move(done));
        }
        outstanding_.End();
      });
}

std::string TieredStore::Name() const {
  return absl::StrCat(near_->Name(), " before ", far_.Name());
}

}  // namespace floe::store
