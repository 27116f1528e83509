// SPDX-License-Identifier: Apache-2.0
// The stack of tiers, put together in one place: memory -> disk -> shared cache -> origin.
//
//   ChunkLoader (opened chunks: memory tier, one fetch and one opening a chunk)
//     ChunkSource (an image's share of the places)
//       a stack for each root:
//         TieredStore
//           DiskTier                                    one for all roots
//           SingleFlightStore, TieredStore
//             CacheStore                                one for all roots
//             TwoOrigins                                where there is a fast one before
//               LazyFastChunks
//               OriginGuard (check, limit, retry)       one for all roots
//                 LazyOrigin
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/executor.h"
#include "base/metrics.h"
#include "base/secret.h"
#include "fusefs/image/chunk_loader.h"
#include "fusefs/image/lazy_fast_origin.h"
#include "fusefs/image/lazy_origin.h"
#include "fusefs/tier_options.h"
#include "store/manifest.h"
#include "store/tier/disk_tier.h"

namespace floe::fusefs {

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
  // OK, or UNAVAILABLE: a new container of this image would need more of an origin that cannot
  // keep up with what runs. An image that is wholly on this node needs none.
  absl::Status AdmitStart(const store::Manifest& manifest) FLOE_EXCLUDES(mutex_);
  // Sealed bytes of these chunks on this node.
  uint64_t LocalBytes(const store::ChunkRefs& chunks) const;
  // About once a second: see DiskTier::Maintain and OverloadGate::Look.
  void Maintain();
  // The last thing before the process ends.
  void SaveForRestart();
  Executor& blocking() { return origin_pool_; }

 private:
  Tiers(const TierOptions& options, Metrics& metrics, Clock& clock);
  absl::Status OpenSharedCache();
  store::ChunkStore& StackFor(const store::RootId& root) FLOE_REQUIRES(mutex_);
  std::shared_ptr<store::ChunkStore> MakeStack(const store::RootId& root);
  // The fast origin before `durable`, if there is one.
  std::shared_ptr<store::ChunkStore> WithFast(const store::RootId& root,
                                              std::shared_ptr<store::ChunkStore> durable,
                                              const store::FillPolicy& fill);

  const TierOptions options_;
  Metrics& metrics_;
  Clock& clock_;
  ThreadTimer timer_{"timer"};
  const store::TierMetrics memory_metrics_;
  std::unique_ptr<store::MemoryTier> memory_;
  LazyStore lazy_store_;
  LazyFastOrigin lazy_fast_;
  ThreadPool workers_;
  ThreadPool disk_pool_;
  ThreadPool origin_pool_;
  store::OriginGuard origin_;
  std::shared_ptr<store::RequestLimiter> fast_limiter_;  // of the fast origin
  std::shared_ptr<store::DiskTier> disk_;                // nullptr: none
  std::shared_ptr<store::ChunkStore> disk_tier_;         // the same, counted
  std::unique_ptr<cache::SharedCache> cache_;
  std::shared_ptr<store::ChunkStore> cache_tier_;  // nullptr: none
  std::shared_ptr<ChunkLoader> loader_;
  Mutex mutex_;
  std::map<store::RootId, std::shared_ptr<store::ChunkStore>> stacks_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::fusefs
