// SPDX-License-Identifier: Apache-2.0
// The shared cache: each sealed chunk as k of k+r shards on as many servers (doc/cache.md).
//
// Get asks all k+r servers at once and takes the first k shards that come, so a slow or dead server
// costs nothing. What it answers is checked against the chunk's id. Everything here may be lost,
// late or wrong at any time; then the caller asks the origin (store::TieredStore).
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/metrics.h"
#include "base/timer.h"
#include "cache/breaker.h"
#include "cache/code.h"
#include "cache/shard_server.h"
#include "store/chunk_store.h"

namespace floe::cache {

// How a server that lost its content, or took the place of another, gets the shards it should have.
enum class Replacement {
  kCold,         // only by the fill of a whole chunk
  kWarmed,       // also by the repair that follows a read
  kDeltaSynced,  // also by reading again, in the background, what this node used lately
};

struct RepairOptions {
  // doc/simulator.md, "loss", compares the three.
  Replacement replacement = Replacement::kDeltaSynced;
  size_t max_pending_bytes = 16 << 20;  // beyond it a repair is left out
  // kDeltaSynced: how many ids a node remembers, and how many it reads again in a second, in no
  // order. When so many in a row lack no shard, other nodes (or reads) have done the work: it
  // stops, so that a large fleet does not read everything once a node.
  size_t remembered_ids = 4096;
  double synced_per_second = 50;
  size_t sync_until_whole = 32;
};

// Against a herd on one cold chunk: who misses first fetches, the others wait for its fill.
struct LeaseOptions {
  bool enabled = true;
  // Reads of less urgent classes neither take nor heed leases: those whose fetches are not put into
  // the cache, so that nobody waits for them in vain.
  store::RequestClass lowest_class = store::RequestClass::kBackground;
  std::chrono::seconds ttl{2};              // when its holder dies
  std::chrono::milliseconds first_poll{8};  // doubles, with jitter
  // The longest wait by RequestClass; then the origin is asked anyway.
  std::array<std::chrono::milliseconds, store::kRequestClasses> longest_wait{
      std::chrono::milliseconds(60), std::chrono::milliseconds(150), std::chrono::milliseconds(400),
      std::chrono::milliseconds(1000)};
};

struct CacheOptions {
  Code code;
  // Fewer than k shards by then is a miss. Fewer servers than k+r: a smaller code (CodeFor).
  std::chrono::microseconds miss_decision{5000};
  // With all but one of k (but at least one) here by then, the last is waited for so long: it is
  // late rather than lost, and the origin would take longer (doc/simulator.md, "tail").
  std::chrono::microseconds last_shard_decision{20'000};
  // A server that has not answered by then has failed; what comes between the two is drained, and
  // tells only that the server lives.
  std::chrono::milliseconds answer_deadline{50};
  std::chrono::milliseconds set_deadline{1000};  // of fills and repairs
  // Requests under way to one server; beyond it its shards count as missing. Fills and repairs may
  // use half of it.
  size_t max_outstanding = 256;
  std::chrono::seconds ttl{0};               // of shards; 0: until they are pushed out
  size_t max_pending_fill_bytes = 64 << 20;  // fills beyond it: RESOURCE_EXHAUSTED
  RepairOptions repair;
  BreakerOptions breaker;
  LeaseOptions lease;
  uint64_t seed = 0;  // of all jitter

  // INVALID_ARGUMENT names the option.
  absl::Status Validate() const;
};

class CacheCore;

// Thread safe. Deterministic with a ManualTimer, an InlineExecutor and a fixed seed.
//
// Get answers VerifiedSealed, or
//   NOT_FOUND          r+1 servers have no shard of it, and nobody else fetches it (or for too
//   long) UNAVAILABLE        too few servers answered within miss_decision DATA_LOSS enough shards
//   came and no choice of them hashes to the id DEADLINE_EXCEEDED, CANCELLED
// Put (the fill after a miss) adds all shards: kCreated if its first shard was not there. What a
// Get found to be wrong is replaced by the next Put of it. List: always empty. Sync: nothing to do.
class CacheStore : public store::ChunkStore {
 public:
  // `timer`, `workers` (encode, decode, hash) and `metrics` (optional) are borrowed and outlive
  // this; options must be valid. Servers are sorted by name and doubles dropped; none: every Get is
  // NOT_FOUND, every Put UNAVAILABLE. `starter` (optional, borrowed): where reads ask their
  // servers, the servers' event loop, so that k+r requests wake it once; else the caller's thread.
  CacheStore(std::vector<std::shared_ptr<ShardServer>> servers, const CacheOptions& options,
             Timer& timer, Executor& workers, Metrics* metrics = nullptr,
             Executor* starter = nullptr);
  // Waits until every server has answered what was asked (their deadlines bound that).
  ~CacheStore() override;

  // Another list, at any time. What is under way ends with the old one. A server object that stays
  // keeps its breaker.
  void SetServers(std::vector<std::shared_ptr<ShardServer>> servers);

  void Get(const store::ChunkId& id, const store::RequestOptions& options,
           GetCallback done) override;
  void Put(const store::VerifiedSealed& chunk, const store::RequestOptions& options,
           PutCallback done) override;
  void List(const std::string& from, size_t limit, const store::RequestOptions& options,
            ListCallback done) override;
  absl::Status Sync() override { return absl::OkStatus(); }
  std::string Name() const override;

 private:
  const std::unique_ptr<CacheCore> core_;
};

}  // namespace floe::cache
