// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/metered_tier.h"

namespace floe::store {

void MeteredTier::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  calls_.Begin();
  inner().Get(
      id, options,
      [this, begun = clock_.Now(), done = std::move(done)](absl::StatusOr<FetchedChunk> fetched) {
        const SteadyTime::duration took = clock_.Now() - begun;
        if (fetched.ok()) {
          metrics_.Hit(took, SizeOf(*fetched));
        } else if (absl::IsNotFound(fetched.status())) {
          metrics_.Miss(took);
        } else {
          metrics_.Failure(took, fetched.status());
        }
        done(std::move(fetched));
        calls_.End();
      });
}

void MeteredTier::Put(const VerifiedSealed& chunk, const RequestOptions& options,
                      PutCallback done) {
  calls_.Begin();
  inner().Put(chunk, options, [this, done = std::move(done)](absl::StatusOr<PutResult> result) {
    if (!result.ok()) {
      metrics_.refused_puts.Add();
    } else if (*result == PutResult::kCreated) {
      metrics_.fills.Add();
    }
    done(std::move(result));
    calls_.End();
  });
}

}  // namespace floe::store
