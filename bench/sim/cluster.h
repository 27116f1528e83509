// SPDX-License-Identifier: Apache-2.0
// Nodes, servers and an origin, put together from the product's own parts over the simulated ones.
//
//   a node:  disk -> one flight a chunk -> shared cache -> OriginGuard -> origin
//
// the order of fusefs/tiers.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "bench/sim/catalog.h"
#include "bench/sim/latencies.h"
#include "bench/sim/loop.h"
#include "bench/sim/sim_origin.h"
#include "bench/sim/sim_server.h"
#include "cache/cache_store.h"
#include "store/chunk_store.h"
#include "store/wrap/origin_guard.h"

namespace floe::sim {

struct ClusterOptions {
  size_t nodes = 100;
  size_t disk_chunks = 0;  // of each node; 0: no tier of its own
  size_t servers = 20;     // 0: no shared cache
  double cache_bytes = 0;  // of all servers together, declared bytes
  cache::CacheOptions cache;
  OriginOptions origin;
  store::OriginOptions guard;                         // of each node, towards the origin
  Duration read_deadline = std::chrono::seconds(50);  // as fusefs has it
  uint64_t seed = 1;
};

// How the reads of a cluster ended. Every read is answered once: reads == ok + failed at the end.
struct ReadCounts {
  uint64_t reads = 0;
  uint64_t ok = 0;
  uint64_t failed = 0;
  uint64_t wrong = 0;  // answered with bytes that are not the chunk's: must stay 0
};

class Cluster {
 public:
  // `pool` is borrowed and outlives this.
  Cluster(ChunkPool& pool, const ClusterOptions& options);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  Loop& loop() { return loop_; }
  SimOrigin& origin() { return *origin_; }
  const SimServers& servers() const { return servers_; }
  size_t nodes() const { return nodes_.size(); }
  cache::CacheStore& cache_of(size_t node);

  // One read of a chunk on a node, from its top tier.
  void Read(size_t node, uint32_t chunk, store::RequestClass request_class,
            std::function<void(bool ok)> done);
  // A read that skips what the node has: the shared cache, then the origin (where there is one).
  void ReadShared(size_t node, uint32_t chunk, std::function<void(bool ok)> done);

  // Whether the node's gate lets a new start through (store::OverloadGate).
  bool Admits(size_t node);

  // Gets that `tier` ("disk", "cache", "origin") answered with the chunk, and all it was asked.
  double Answered(const std::string& tier);
  double Asked(const std::string& tier);
  double CacheCounter(const std::string& name);
  // Of the whole run, warm-up included.
  const ReadCounts& reads() const { return reads_; }
  Latencies& latencies() { return latencies_; }
  // Tiers' counts, servers' counts and latencies until now are forgotten (the warm-up); the tiers
  // keep what they hold.
  void BeginMeasuring();

 private:
  struct Node;
  std::unique_ptr<Node> MakeNode(size_t number);
  void ReadFrom(store::ChunkStore& store, uint32_t chunk, store::RequestClass request_class,
                std::function<void(bool ok)> done);
  double Raw(const std::string& tier, bool only_ok);

  const ClusterOptions options_;
  ChunkPool& pool_;
  Loop loop_;
  Metrics metrics_;
  std::shared_ptr<SimOrigin> origin_;
  SimServers servers_;
  std::vector<std::unique_ptr<Node>> nodes_;
  ReadCounts reads_;
  Latencies latencies_;
  std::map<std::string, double> before_;  // counters at BeginMeasuring
};

}  // namespace floe::sim
