// SPDX-License-Identifier: Apache-2.0
#include "fusefs/tiers.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "store/tier/tiered_store.h"
#include "store/wrap/filling_store.h"
#include "store/wrap/limiting_store.h"
#include "store/wrap/metered_tier.h"
#include "store/wrap/single_flight_store.h"

namespace floe::fusefs {
namespace {

size_t OneForEachCore(size_t asked) {
  return asked > 0 ? asked : std::max<size_t>(2, std::thread::hardware_concurrency());
}

store::MemoryTierCounters MemoryCounters(Metrics& metrics, const store::TierMetrics& tier) {
  store::MemoryTierCounters counters;
  counters.evictions =
      &metrics.GetCounter("floe_tier_evictions_total", "Chunks pushed out", {{"tier", "memory"}});
  counters.bytes = &metrics.GetGauge("floe_tier_bytes", "Bytes held", {{"tier", "memory"}});
  counters.tier = &tier;
  return counters;
}

// What a MeteredTier around it does not see.
store::DiskTierCounters DiskCounters(Metrics& metrics) {
  const MetricLabels disk = {{"tier", "disk"}};
  store::DiskTierCounters counters;
  counters.evictions = &metrics.GetCounter("floe_tier_evictions_total", "Chunks pushed out", disk);
  counters.damaged =
      &metrics.GetCounter("floe_tier_damaged_total", "Entries dropped as damaged", disk);
  counters.bytes = &metrics.GetGauge("floe_tier_bytes", "Bytes held", disk);
  counters.entries = &metrics.GetGauge("floe_tier_entries", "Chunks held", disk);
  return counters;
}

// Nodes that start together must not try again together.
uint64_t SeedOfThisProcess(Clock& clock) {
  return static_cast<uint64_t>(getpid()) * 0x9e3779b97f4a7c15u ^
         static_cast<uint64_t>(clock.WallNow().time_since_epoch().count());
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

Tiers::Tiers(const TierOptions& options, Metrics& metrics, Clock& clock)
    : options_(options),
      metrics_(metrics),
      clock_(clock),
      memory_metrics_(metrics, "memory"),
      memory_(std::make_unique<store::MemoryTier>(options.memory_bytes,
                                                  MemoryCounters(metrics, memory_metrics_))),
      lazy_store_(
          options.store_address,
          [options] {
            return store::OpenStore(options.store_address,
                                    {options.store_id, options.origin_threads});
          },
          clock),
      lazy_fast_(options.fast_address, options.origin_threads),
      workers_("open", OneForEachCore(options.worker_threads)),
      disk_pool_("disk", options.disk_threads),
      origin_pool_("origin", options.origin_threads),
      origin_("origin", options.store_address, options.origin, timer_, workers_, metrics, clock,
              SeedOfThisProcess(clock)),
      fast_limiter_(std::make_shared<store::RequestLimiter>(
          options.fast_address,
          std::make_unique<store::AimdLimit>(options.origin.requests, options.origin.requests),
          options.origin.limits, clock, &timer_)),
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
    tiers->disk_tier_ = std::make_shared<store::MeteredTier>(tiers->disk_, metrics, "disk", clock);
  }
  if (options.cache.wanted()) FLOE_RETURN_IF_ERROR(tiers->OpenSharedCache());
  return tiers;
}

absl::Status Tiers::OpenSharedCache() {
  cache::SharedCacheOptions shared = options_.cache.options;
  shared.cache.lease.lowest_class = options_.fill_class;
  FLOE_ASSIGN_OR_RETURN(cache_, cache::SharedCache::Create(shared, workers_, &metrics_));
  cache_tier_ = std::make_shared<store::MeteredTier>(cache_->store(), metrics_, "cache", clock_);
  // The first reads need not miss what is known without a name service. Names are looked up in the
  // background: they may take long, and a start does not wait for a cache.
  return options_.cache.NeedsNoNames() ? cache_->Look() : absl::OkStatus();
}

store::ChunkStore& Tiers::StackFor(const store::RootId& root) {
  std::shared_ptr<store::ChunkStore>& stack = stacks_[root];
  if (!stack) stack = MakeStack(root);
  return *stack;
}

std::shared_ptr<store::ChunkStore> Tiers::MakeStack(const store::RootId& root) {
  store::FillPolicy fill;
  fill.least_urgent = options_.fill_class;
  std::shared_ptr<store::ChunkStore> stack = WithFast(
      root, origin_.Wrap(std::make_shared<LazyOrigin>(lazy_store_, origin_pool_, root)), fill);
  if (disk_tier_ && options_.disk_fill == DiskFill::kOrigin) {
    stack = std::make_shared<store::FillingStore>(stack, disk_tier_, workers_, fill);
  }
  if (cache_tier_) {
    store::FillPolicy cache_fill = fill;
    cache_fill.fill = options_.cache.fill;
    stack = std::make_shared<store::TieredStore>(cache_tier_, stack, workers_, cache_fill);
  }
  stack = std::make_shared<store::SingleFlightStore>(stack, timer_);
  if (!disk_tier_) return stack;
  fill.fill = options_.disk_fill == DiskFill::kMiss;
  return std::make_shared<store::TieredStore>(disk_tier_, stack, workers_, fill);
}

std::shared_ptr<store::ChunkStore> Tiers::WithFast(const store::RootId& root,
                                                   std::shared_ptr<store::ChunkStore> durable,
                                                   const store::FillPolicy& fill) {
  if (options_.fast_address.empty()) return durable;
  std::shared_ptr<store::ChunkStore> fast =
      std::make_shared<LazyFastChunks>(lazy_fast_, origin_pool_, root);
  fast = std::make_shared<store::LimitingStore>(fast, fast_limiter_);
  fast = std::make_shared<store::MeteredTier>(fast, metrics_, "fast", clock_);
  store::TwoOriginsOptions two;
  two.fill = fill;
  return store::TwoOrigins(
      fast, std::move(durable), workers_, timer_, two,
      &metrics_.GetCounter("floe_tier_mismatches_total",
                           "Bytes that failed their check, and were not used", {{"tier", "fast"}}));
}

absl::Status Tiers::AdmitStart(const store::Manifest& manifest) {
  uint64_t sealed = 0;
  for (const store::ChunkRef& chunk : manifest.chunks) sealed += chunk.sealed_length;
  return LocalBytes(manifest.chunks) >= sealed ? absl::OkStatus() : origin_.gate().Admit();
}

std::shared_ptr<ChunkSource> Tiers::SourceFor(const store::Manifest& manifest) {
  lazy_store_.Expect(manifest.id, manifest.birth_root);
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
  origin_.gate().Look();
  if (disk_) disk_->Maintain();
}

}  // namespace floe::fusefs
