// SPDX-License-Identifier: Apache-2.0
#include "cache/shared_cache.h"

#include <random>
#include <utility>

#include "cache/memcached_server.h"

namespace floe::cache {

absl::StatusOr<std::unique_ptr<SharedCache>> SharedCache::Create(const SharedCacheOptions& options,
                                                                 Executor& workers,
                                                                 Metrics* metrics) {
  FLOE_RETURN_IF_ERROR(options.list.Validate());
  FLOE_RETURN_IF_ERROR(options.cache.Validate());
  std::unique_ptr<SharedCache> made(new SharedCache);
  FLOE_ASSIGN_OR_RETURN(made->loop_, net::EventLoop::Create("cache"));
  CacheOptions cache = options.cache;
  if (cache.seed == 0) cache.seed = std::random_device()();
  made->cache_ = std::make_shared<CacheStore>(std::vector<std::shared_ptr<ShardServer>>(), cache,
                                              *made->loop_, workers, metrics, made->loop_.get());
  made->store_ = made->cache_;
  Counter* failures = nullptr;
  if (metrics != nullptr) {
    failures = &metrics->GetCounter("floe_cache_list_failures_total",
                                    "Looks for cache servers that brought no list or no address");
  }
  made->list_ = std::make_unique<ServerList>(
      options.list,
      [loop = made->loop_.get(), memcached = options.memcached](const std::string& name,
                                                                const net::SocketAddress& address) {
        return std::make_shared<MemcachedServer>(name, address, memcached, *loop);
      },
      // Weak: what is made of the store may outlive this for a moment.
      [weak = std::weak_ptr<CacheStore>(made->cache_)](
          std::vector<std::shared_ptr<ShardServer>> servers) {
        if (const auto store = weak.lock()) store->SetServers(std::move(servers));
      },
      failures);
  return made;
}

SharedCache::~SharedCache() = default;

}  // namespace floe::cache
