// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/cluster.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/sim/constants.h"
#include "bench/sim/sim_disk.h"
#include "store/tier/tiered_store.h"
#include "store/wrap/metered_store.h"
#include "store/wrap/single_flight_store.h"

namespace floe::sim {

struct Cluster::Node {
  std::unique_ptr<store::OriginGuard> guard;
  std::shared_ptr<cache::CacheStore> cache;   // nullptr: none
  std::shared_ptr<store::ChunkStore> shared;  // below the node's own tier
  std::shared_ptr<store::ChunkStore> top;
};

Cluster::Cluster(ChunkPool& pool, const ClusterOptions& options) : options_(options), pool_(pool) {
  const Random random(options.seed);
  origin_ = std::make_shared<SimOrigin>(loop_, pool, options.origin, random.Fork(1));
  if (options.servers > 0) {
    servers_ = MakeServers(loop_, options.servers, options.cache_bytes, {}, random.Fork(2));
  }
  for (size_t i = 0; i < options.nodes; ++i) nodes_.push_back(MakeNode(i));
}

// Stores wait for their callbacks when they go: everything is answered before.
Cluster::~Cluster() { loop_.RunToEnd(); }

std::unique_ptr<Cluster::Node> Cluster::MakeNode(size_t number) {
  auto node = std::make_unique<Node>();
  const uint64_t seed = Random(options_.seed).Fork(1000 + number).Next();
  node->guard = std::make_unique<store::OriginGuard>("origin", origin_->Name(), options_.guard,
                                                     loop_, loop_, metrics_, loop_, seed);
  std::shared_ptr<store::ChunkStore> stack = node->guard->Wrap(origin_);
  if (!servers_.empty()) {
    cache::CacheOptions cache_options = options_.cache;
    cache_options.seed = seed;
    node->cache = std::make_shared<cache::CacheStore>(
        std::vector<std::shared_ptr<cache::ShardServer>>(servers_.begin(), servers_.end()),
        cache_options, loop_, loop_, &metrics_);
    auto cache = std::make_shared<store::MeteredStore>(node->cache, metrics_, "cache", loop_);
    stack = std::make_shared<store::TieredStore>(cache, stack, loop_);
  }
  stack = std::make_shared<store::SingleFlightStore>(stack, loop_);
  node->shared = stack;
  if (options_.disk_chunks > 0) {
    auto disk = std::make_shared<store::MeteredStore>(
        std::make_shared<SimDisk>(loop_, pool_, options_.disk_chunks), metrics_, "disk", loop_);
    stack = std::make_shared<store::TieredStore>(disk, stack, loop_);
  }
  node->top = stack;
  return node;
}

bool Cluster::Admits(size_t node) { return nodes_[node]->guard->gate().Admit().ok(); }

cache::CacheStore& Cluster::cache_of(size_t node) { return *nodes_[node]->cache; }

void Cluster::ReadFrom(store::ChunkStore& store, uint32_t chunk, store::RequestClass request_class,
                       std::function<void(bool ok)> done) {
  ++reads_.reads;
  store::RequestOptions options;
  options.request_class = request_class;
  options.deadline = loop_.Now() + options_.read_deadline;
  const SteadyTime begun = loop_.Now();
  store.Get(pool_.chunk(chunk).id(), options,
            [this, chunk, begun, done = std::move(done)](absl::StatusOr<store::FetchedChunk> got) {
              latencies_.Add(loop_.Now() - begun);
              ++(got.ok() ? reads_.ok : reads_.failed);
              const auto* sealed = got.ok() ? std::get_if<store::VerifiedSealed>(&*got) : nullptr;
              if (sealed != nullptr && sealed->id() != pool_.chunk(chunk).id()) ++reads_.wrong;
              done(got.ok());
            });
}

void Cluster::Read(size_t node, uint32_t chunk, store::RequestClass request_class,
                   std::function<void(bool ok)> done) {
  ReadFrom(*nodes_[node]->top, chunk, request_class, std::move(done));
}

void Cluster::ReadShared(size_t node, uint32_t chunk, std::function<void(bool ok)> done) {
  ReadFrom(*nodes_[node]->shared, chunk, store::RequestClass::kRunning, std::move(done));
}

double Cluster::Raw(const std::string& tier, bool only_ok) {
  double sum = 0;
  for (int code = 0; code < 17; ++code) {
    const MetricLabels labels = {
        {"store", tier},
        {"operation", "get"},
        {"result", store::ResultLabel(static_cast<absl::StatusCode>(code))}};
    sum += metrics_.GetCounter("floe_store_requests_total", "Requests answered", labels).value();
    if (only_ok) break;
  }
  return sum;
}

double Cluster::Answered(const std::string& tier) {
  return Raw(tier, true) - before_[tier + " answered"];
}
double Cluster::Asked(const std::string& tier) {
  return Raw(tier, false) - before_[tier + " asked"];
}

double Cluster::CacheCounter(const std::string& name) {
  return metrics_.GetCounter(name, "").value() - before_[name];
}

void Cluster::BeginMeasuring() {
  for (const std::string tier : {"disk", "cache", "origin"}) {
    before_[tier + " answered"] = Raw(tier, true);
    before_[tier + " asked"] = Raw(tier, false);
  }
  latencies_.Clear();
  for (const auto& server : servers_) server->ClearCounts();
}

}  // namespace floe::sim
