// SPDX-License-Identifier: Apache-2.0
// A server of the shared cache in the simulation: memory with LRU, a link with a queue, a service
// time, and what goes wrong with it.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/sim/constants.h"
#include "bench/sim/loop.h"
#include "bench/sim/random.h"
#include "cache/shard_server.h"

namespace floe::sim {

struct ServerOptions {
  double memory_bytes = 64e9;  // declared bytes; the least recently used goes first
  double link_bytes_per_second = kServerLinkBytesPerSecond;
  Quantiles seconds = ShardSeconds();  // from request to answer, without the transfer over the link
};

struct ServerCounts {
  uint64_t gets = 0;
  uint64_t hits = 0;
  uint64_t sets = 0;
  double bytes_out = 0;
  double bytes_in = 0;
  uint64_t evictions = 0;
};

enum class ServerState {
  kUp,
  kDown,       // refuses connections
  kBlackHole,  // takes everything, answers nothing
};

// Full duplex link: gets queue for the way out, sets for the way in. One object is the server of
// all simulated clients.
class SimServer final : public cache::ShardServer {
 public:
  // `loop` is borrowed and outlives this.
  SimServer(Loop& loop, std::string name, const ServerOptions& options, Random random)
      : loop_(loop), name_(std::move(name)), options_(options), random_(random) {}

  void Get(const std::string& key, SteadyTime deadline, GetCallback done) override;
  void Set(const std::string& key, store::SealedBytes bytes, cache::SetMode mode,
           std::chrono::seconds ttl, SteadyTime deadline, SetCallback done) override;
  std::string Name() const override { return name_; }

  void SetState(ServerState state);
  // Service times and transfers take so many times as long: a gray failure.
  void SetSlowness(double factor) { slowness_ = factor; }
  // A new machine, or a restart, under the same name. What was under way is reset. It is empty, or
  // has what was stored before `synced`: a stand-by that copied until then.
  void Replace(SteadyTime synced = SteadyTime::min());
  // True when the item is here; no use of it.
  bool Holds(const std::string& key) const;

  const ServerCounts& counts() const { return counts_; }
  void ClearCounts() { counts_ = {}; }
  double used_bytes() const { return used_; }
  // What a value stands for: a share 1/k of a chunk for a shard (doc/cache.md has the key's form),
  // itself for a lease.
  static double DeclaredBytes(const std::string& key, size_t real_bytes);

 private:
  struct Item {
    uint64_t key;
    store::SealedBytes bytes;
    double declared;
    SteadyTime expires;
    SteadyTime stored;
  };
  using Items = std::list<Item>;

  // nullptr: absent or expired.
  const Item* Lookup(uint64_t key);
  void Store(uint64_t key, store::SealedBytes bytes, double declared, std::chrono::seconds ttl);
  void Erase(Items::iterator item);
  // When a transfer that begins now is over; the link is taken until then.
  SteadyTime Transfer(SteadyTime& free_at, double bytes);
  // Calls `answer` at `when` or `late` at the deadline, whichever comes first.
  void AnswerAt(SteadyTime when, SteadyTime deadline, std::function<void()> answer,
                std::function<void(absl::Status)> fail);
  bool Refuses(SteadyTime deadline, const std::function<void(absl::Status)>& fail);

  Loop& loop_;
  const std::string name_;
  const ServerOptions options_;
  Random random_;
  ServerState state_ = ServerState::kUp;
  double slowness_ = 1;
  uint64_t incarnation_ = 0;
  Items items_;  // most recently used first
  std::unordered_map<uint64_t, Items::iterator> index_;
  double used_ = 0;
  SteadyTime out_free_at_{};
  SteadyTime in_free_at_{};
  ServerCounts counts_;
};

using SimServers = std::vector<std::shared_ptr<SimServer>>;
// `count` servers named 10.0.x.y:11211, each with memory for its part of `total_bytes`.
SimServers MakeServers(Loop& loop, size_t count, double total_bytes, ServerOptions options,
                       Random random);

}  // namespace floe::sim
