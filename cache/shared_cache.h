// SPDX-License-Identifier: Apache-2.0
// The shared cache of a process, put together: event loop, memcached servers, their list, the
// store.
#pragma once

#include <memory>

#include "base/executor.h"
#include "cache/cache_store.h"
#include "cache/memcached_connection.h"
#include "cache/server_list.h"
#include "net/event_loop.h"

namespace floe::cache {

struct SharedCacheOptions {
  ServerListOptions list;
  CacheOptions cache;
  MemcachedOptions memcached;
};

// Owns what it consists of. Thread safe. One for all roots: chunks are known by their ids alone.
class SharedCache {
 public:
  // `workers` (encode, decode, hash) and `metrics` (optional) are borrowed and outlive this.
  // INVALID_ARGUMENT names the option. The servers are looked for in the background: until they
  // are known every Get is NOT_FOUND.
  static absl::StatusOr<std::unique_ptr<SharedCache>> Create(const SharedCacheOptions& options,
                                                             Executor& workers, Metrics* metrics);
  ~SharedCache();

  // Must not outlive this.
  const std::shared_ptr<store::ChunkStore>& store() const { return store_; }
  // Looks for the servers now and waits for it.
  absl::Status Look() { return list_->Look(); }

 private:
  SharedCache() = default;

  // Goes backwards: no more lists, no more requests, then the loop.
  std::unique_ptr<net::EventLoop> loop_;
  std::shared_ptr<CacheStore> cache_;
  std::shared_ptr<store::ChunkStore> store_;
  std::unique_ptr<ServerList> list_;
};

}  // namespace floe::cache
