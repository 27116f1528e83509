// SPDX-License-Identifier: Apache-2.0
// A stock memcached (1.6 or later) as a ShardServer: meta protocol over pooled, pipelined,
// non-blocking connections.
#pragma once

#include <memory>
#include <string>

#include "cache/memcached_connection.h"
#include "cache/shard_server.h"

namespace floe::cache {

// Thread safe. Callbacks run on the loop's thread.
class MemcachedServer : public ShardServer {
 public:
  // `name` is what placement sees; `loop` is borrowed and outlives this. Connects when first used.
  MemcachedServer(std::string name, const net::SocketAddress& address,
                  const MemcachedOptions& options, net::EventLoop& loop);
  ~MemcachedServer() override;

  void Get(const std::string& key, SteadyTime deadline, GetCallback done) override;
  void Set(const std::string& key, store::SealedBytes bytes, SetMode mode, std::chrono::seconds ttl,
           SteadyTime deadline, SetCallback done) override;
  std::string Name() const override { return name_; }
  size_t MaxValueBytes() const override;

 private:
  class Pool;

  void Submit(std::shared_ptr<MemcachedRequest> request);

  const std::string name_;
  net::EventLoop& loop_;
  const std::shared_ptr<Pool> pool_;
};

}  // namespace floe::cache
