// SPDX-License-Identifier: Apache-2.0
// A server behind its breaker, its limit of requests under way, and its counters.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/timer.h"
#include "cache/breaker.h"
#include "cache/cache_counters.h"
#include "cache/shard_server.h"

namespace floe::cache {

// Thread safe. Held by a shared_ptr: each request keeps it alive.
class GuardedServer : public std::enable_shared_from_this<GuardedServer> {
 public:
  // `back` is called when the breaker closes again: the server may have lost everything.
  GuardedServer(std::shared_ptr<ShardServer> server, size_t max_outstanding,
                const BreakerOptions& breaker, uint64_t seed, Timer& timer, Metrics* metrics,
                std::function<void(const GuardedServer&)> back);

  // As ShardServer; UNAVAILABLE at once also when the server is left alone or too much is under
  // way.
  void Get(const std::string& key, SteadyTime deadline, ShardServer::GetCallback done);
  void Set(const std::string& key, store::SealedBytes bytes, SetMode mode, std::chrono::seconds ttl,
           SteadyTime deadline, ShardServer::SetCallback done);

  // It answered with a shard that was wrong.
  void CountBad() const { AddTo(counters_.bad); }
  bool open() const { return breaker_.open(); }
  const std::string& name() const { return name_; }
  size_t MaxValueBytes() const { return server_->MaxValueBytes(); }
  const std::shared_ptr<ShardServer>& server() const { return server_; }

 private:
  absl::Status Begin(size_t limit);
  void End(const absl::Status& status);

  const std::shared_ptr<ShardServer> server_;
  const std::string name_;
  const size_t max_outstanding_;
  Timer& timer_;
  const CacheServerCounters counters_;
  const std::function<void(const GuardedServer&)> back_;
  Breaker breaker_;
  std::atomic<size_t> outstanding_{0};
};

}  // namespace floe::cache
