// SPDX-License-Identifier: Apache-2.0
// The stack of tiers, put together in one place: memory -> disk -> origin.
//
//   ChunkLoader (opened chunks: memory tier, one fetch and one opening a chunk)
//     ChunkSource (an image's share of the places)
//       TieredStore
//         DiskTier
//         single flight, limit, retry, meter, check (store/wrap), LazyOrigin: a stack for each root
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/executor.h"
#include "base/metrics.h"
#include "base/secret.h"
#include "fusefs/image/chunk_loader.h"
#include "fusefs/image/lazy_origin.h"
#include "store/manifest.h"
#include "store/tier/disk_tier.h"

namespace floe::fusefs {

struct TierOptions {
  std::string store_address = store::kDefaultStoreAddress;
  std::optional<store::StoreId> store_id;  // what the configuration remembers
  std::string cache_dir = "/var/cache/floe";
  uint64_t cache_bytes = uint64_t{20} << 30;  // 0: no disk tier
  double free_share = 0.2;
  uint64_t memory_bytes = 128 << 20;
  size_t worker_threads = 0;  // check, decrypt, decompress; 0: one for each core
  size_t disk_threads = 8;
  size_t origin_threads = 16;     // what may wait for the store at the same time
  size_t fetches_per_image = 64;  // of all tiers below memory
  size_t origin_requests = 64;    // of all images together, towards the origin

  absl::Status Validate() const;
};

// Owns the threads, tiers and stores of the read path. Thread safe. The destructor waits for what
// is under way.
class Tiers {
 public:
  // `node_key` (32 bytes) seals disk-tier entries. `metrics` and `clock` are borrowed.
  static absl::StatusOr<std::unique_ptr<Tiers>> Create(const TierOptions& options, Secret node_key,
                                                       Metrics& metrics, Clock& clock);
  ~Tiers();

  const std::shared_ptr<ChunkLoader>& loader() const { return loader_; }
  // The chunks of a manifest. Stacks are shared by all manifests of a root and live as long as
  // this.
  std::shared_ptr<ChunkSource> SourceFor(const store::Manifest& manifest) FLOE_EXCLUDES(mutex_);
  // Sealed bytes of these chunks on this node.
  uint64_t LocalBytes(const store::ChunkRefs& chunks) const;
  // About once a second: see DiskTier::Maintain.
  void Maintain();
  // The last thing before the process ends.
  void SaveForRestart();
  Executor& blocking() { return origin_pool_; }

 private:
  Tiers(const TierOptions& options, Metrics& metrics, Clock& clock);
  store::ChunkStore& StackFor(const store::RootId& root) FLOE_REQUIRES(mutex_);

  const TierOptions options_;
  Metrics& metrics_;
  Clock& clock_;
  ThreadTimer timer_{"timer"};
  std::unique_ptr<store::MemoryTier> memory_;
  LazyStore lazy_store_;
  ThreadPool workers_;
  ThreadPool disk_pool_;
  ThreadPool origin_pool_;
  std::shared_ptr<store::DiskTier> disk_;
  std::shared_ptr<ChunkLoader> loader_;
  Mutex mutex_;
  std::map<store::RootId, std::shared_ptr<store::ChunkStore>> stacks_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::fusefs
