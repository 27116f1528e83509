// SPDX-License-Identifier: Apache-2.0
// `floe store stat`: what a store holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "store/origin/store_handle.h"

namespace floe::store {

struct RootStat {
  RootStatus root;
  uint64_t manifests = 0;
  uint64_t manifest_bytes = 0;
  uint64_t chunks = 0;
  uint64_t chunk_bytes = 0;  // sealed
};
struct StoreStat {
  std::string address;
  StoreInfo info;
  std::vector<RootStat> roots;  // newest first
  uint64_t conversions = 0;     // remembered results
  uint64_t conversion_bytes = 0;
};

// Lists everything; reads no chunk. Blocks.
absl::StatusOr<StoreStat> StatStore(StoreHandle& store);

}  // namespace floe::store
