// SPDX-License-Identifier: Apache-2.0
// What of the stack of tiers can be chosen: the tables [tiers] and [cache] of floe.toml, and those
// settings of [store] and [fusefs] that make a tier.
#pragma once

#include <optional>
#include <string>

#include "base/config.h"
#include "fusefs/cache_options.h"
#include "store/origin/open_store.h"
#include "store/wrap/filling_store.h"
#include "store/wrap/origin_guard.h"

namespace floe::fusefs {

// What fills the disk tier.
enum class DiskFill {
  kMiss,    // whatever it had not
  kOrigin,  // of that, what the shared cache had not either: small disks near a large cache
  kNever,   // nothing; what it holds is still used
};

struct TierOptions {
  std::string store_address = store::kDefaultStoreAddress;
  std::optional<store::StoreId> store_id;  // what the configuration remembers
  std::string fast_address;                // of a faster origin before it; empty: none
  std::string cache_dir = "/var/cache/floe";
  uint64_t cache_bytes = uint64_t{20} << 30;  // 0: no disk tier
  double free_share = 0.2;
  uint64_t memory_bytes = 128 << 20;
  size_t worker_threads = 0;  // check, decrypt, decompress; 0: one for each core
  size_t disk_threads = 8;
  size_t origin_threads = 16;     // what may wait for the store at the same time
  size_t fetches_per_image = 64;  // of all tiers below memory

  DiskFill disk_fill = DiskFill::kMiss;
  // Reads of these classes fill disk and shared cache, down to this one.
  store::RequestClass fill_class = store::RequestClass::kBackground;
  store::OriginOptions origin;  // of each origin, whatever the number of images and roots

  SharedCacheSettings cache;

  // Takes the tables [tiers] and [cache]; INVALID_ARGUMENT with file and line.
  absl::Status Read(const Config& config);
  absl::Status Validate() const;
};

}  // namespace floe::fusefs
