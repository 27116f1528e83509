// SPDX-License-Identifier: Apache-2.0
#include "store/origin/two_origins.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "store/origin/object_chunk_store.h"
#include "store/origin/open_objects.h"
#include "store/registry/address.h"
#include "store/tier/tiered_store.h"
#include "store/wrap/deadline_store.h"
#include "store/wrap/resting_store.h"
#include "store/wrap/verifying_store.h"

namespace floe::store {

absl::StatusOr<std::shared_ptr<FastOrigin>> FastOrigin::Open(const std::string& address,
                                                             size_t io_threads) {
  if (IsRegistryAddress(address)) {
    return absl::InvalidArgumentError(
        absl::StrCat("fast origin ", address,
                     ": a registry keeps chunks only with the record of an image; use a folder or "
                     "S3 here, and the registry as the store"));
  }
  auto opened = OpenObjects(address, io_threads);
  if (!opened.ok()) return Annotate(opened.status(), absl::StrCat("fast origin ", address));
  return std::shared_ptr<FastOrigin>(new FastOrigin(opened->address, opened->chunk_objects));
}

std::shared_ptr<ChunkStore> FastOrigin::Chunks(const RootId& root) const {
  return std::make_shared<ObjectChunkStore>(objects_, root);
}

std::shared_ptr<ChunkStore> TwoOrigins(std::shared_ptr<ChunkStore> fast,
                                       std::shared_ptr<ChunkStore> durable, Executor& workers,
                                       Timer& timer, const TwoOriginsOptions& options,
                                       Counter* mismatches) {
  // Checked before it counts as found: what is damaged there must not hide the durable one.
  auto checked = std::make_shared<VerifyingStore>(std::move(fast), workers, mismatches);
  auto timely = std::make_shared<DeadlineStore>(std::move(checked), timer, options.patience);
  auto resting =
      std::make_shared<RestingStore>(std::move(timely), timer, options.failures, options.rest);
  return std::make_shared<TieredStore>(std::move(resting), std::move(durable), workers,
                                       options.fill);
}

}  // namespace floe::store
