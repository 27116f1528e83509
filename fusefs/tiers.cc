// SPDX-License-Identifier: Apache-2.0
#include "fusefs/tiers.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "store/tier/tiered_store.h"
#include "store/wrap/limit_policy.h"
#include "store/wrap/limiting_store.h"
#include "store/wrap/metered_store.h"
#include "store/wrap/retry_store.h"
#include "store/wrap/single_flight_store.h"
#include "store/wrap/verifying_store.h"

namespace floe::fusefs {
namespace {

size_t OneForEachCore(size_t asked) {
  return asked > 0 ? asked : std::max<size_t>(2, std::thread::hardware_concurrency());
}

store::MemoryTierCounters MemoryCounters(Metrics& metrics) {
  return {
      &metrics.GetCounter("floe_tier_hits_total", "Chunks found", {{"tier", "memory"}}),
      &metrics.GetCounter("floe_tier_misses_total", "Chunks not found", {{"tier", "memory"}}),
      &metrics.GetCounter("floe_tier_evictions_total", "Chunks pushed out", {{"tier", "memory"}}),
      &metrics.GetGauge("floe_tier_bytes", "Bytes held", {{"tier", "memory"}}),
  };
}

store::DiskTierCounters DiskCounters(Metrics& metrics) {
  const MetricLabels disk = {{"tier", "disk"}};
  return {
      &metrics.GetCounter("floe_tier_hits_total", "Chunks found", disk),
      &metrics.GetCounter("floe_tier_misses_total", "Chunks not found", disk),
      &metrics.GetCounter("floe_tier_hit_bytes_total", "Sealed bytes found", disk),
      &metrics.GetCounter("floe_tier_evictions_total", "Chunks pushed out", disk),
      &metrics.GetCounter("floe_tier_damaged_total", "Entries dropped as damaged", disk),
      &metrics.GetCounter("floe_tier_refused_puts_total", "Chunks there was no room for", disk),
      &metrics.GetGauge("floe_tier_bytes", "Bytes held", disk),
      &metrics.GetGauge("floe_tier_entries", "Chunks held", disk),
  };
}

LoaderCounters LoadCounters(Metrics& metrics) {
  return {
      &metrics.GetCounter("floe_chunk_fetches_total", "Chunks fetched from below the memory tier"),
      &metrics.GetCounter("floe_chunk_joined_total", "Loads that found their fetch under way"),
      &metrics.GetCounter("floe_chunk_open_failures_total",
                          "Chunks that were not what the manifest says"),
  };
}

}  // namespace

absl::Status TierOptions::Validate() const {
  if (free_share < 0 || free_share >= 1) {
    return absl::InvalidArgumentError("free-share: must be at least 0 and below 1");
  }
  if (cache_bytes > 0 && cache_bytes < (16 << 20)) {
    return absl::InvalidArgumentError("cache-bytes: at least 16 MiB, or 0 for no disk tier");
  }
  if (disk_threads == 0 || origin_threads == 0 || fetches_per_image == 0 || origin_requests == 0) {
    return absl::InvalidArgumentError("threads and limits: at least 1");
  }
  return absl::OkStatus();
}

Tiers::Tiers(const TierOptions& options, Metrics& metrics, Clock& clock)
    : options_(options),
      metrics_(metrics),
      clock_(clock),
      memory_(std::make_unique<store::MemoryTier>(options.memory_bytes, MemoryCounters(metrics))),
      lazy_store_(
          options.store_address,
          [options] {
            return store::OpenStore(options.store_address,
                                    {options.store_id, options.origin_threads});
          },
          clock),
      workers_("open", OneForEachCore(options.worker_threads)),
      disk_pool_("disk", options.disk_threads),
      origin_pool_("origin", options.origin_threads),
      loader_(std::make_shared<ChunkLoader>(*memory_, workers_, timer_, LoadCounters(metrics))) {}

Tiers::~Tiers() = default;

absl::StatusOr<std::unique_ptr<Tiers>> Tiers::Create(const TierOptions& options, Secret node_key,
                                                     Metrics& metrics, Clock& clock) {
  FLOE_RETURN_IF_ERROR(options.Validate());
  std::unique_ptr<Tiers> tiers(new Tiers(options, metrics, clock));
  if (options.cache_bytes > 0) {
    store::DiskTierOptions disk;
    disk.directory = options.cache_dir;
    disk.max_bytes = options.cache_bytes;
    disk.free_share = options.free_share;
    auto opened = store::DiskTier::Open(disk, std::move(node_key), tiers->disk_pool_, clock,
                                        DiskCounters(metrics));
    if (!opened.ok()) {
      return Annotate(opened.status(), absl::StrCat("disk tier ", options.cache_dir));
    }
    tiers->disk_ = *std::move(opened);
  }
  return tiers;
}

store::ChunkStore& Tiers::StackFor(const store::RootId& root) {
  std::shared_ptr<store::ChunkStore>& stack = stacks_[root];
  if (stack) return *stack;
  stack = std::make_shared<LazyOrigin>(lazy_store_, origin_pool_, root);
  stack = std::make_shared<store::VerifyingStore>(
      stack, workers_,
      &metrics_.GetCounter("floe_chunk_mismatches_total",
                           "Chunks from the origin that were not what was asked for"));
  stack = std::make_shared<store::MeteredStore>(stack, metrics_, "origin", clock_);
  uint64_t seed = 0;
  std::memcpy(&seed, root.data(), sizeof seed);
  stack = std::make_shared<store::RetryStore>(
      stack, timer_, store::RetryOptions{}, seed ^ static_cast<uint64_t>(getpid()),
      &metrics_.GetCounter("floe_origin_retries_total", "Requests to the origin tried again"));
  stack = std::make_shared<store::LimitingStore>(
      stack,
      std::make_unique<store::AimdLimit>(options_.origin_requests, options_.origin_requests));
  stack = std::make_shared<store::SingleFlightStore>(stack, timer_);
  if (disk_) stack = std::make_shared<store::TieredStore>(disk_, stack, workers_);
  return *stack;
}

std::shared_ptr<ChunkSource> Tiers::SourceFor(const store::Manifest& manifest) {
  MutexLock lock(mutex_);
  ChunkSource::IsLocal is_local;
  // Borrowed, as the store is: a source that outlives its last read must not keep the folder
  // locked.
  if (disk_) is_local = [disk = disk_.get()](const store::ChunkId& id) { return disk->Holds(id); };
  return std::make_shared<ChunkSource>(StackFor(manifest.birth_root), options_.fetches_per_image,
                                       std::move(is_local));
}

uint64_t Tiers::LocalBytes(const store::ChunkRefs& chunks) const {
  return disk_ ? disk_->LocalBytes(chunks) : 0;
}

void Tiers::SaveForRestart() {
  if (disk_) disk_->SaveRecency();
}

void Tiers::Maintain() {
  if (disk_) disk_->Maintain();
}

}  // namespace floe::fusefs
