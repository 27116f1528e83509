// SPDX-License-Identifier: Apache-2.0
#include "cache/cache_store.h"

#include <utility>

#include "cache/cache_core.h"

namespace floe::cache {

absl::Status CacheOptions::Validate() const {
  if (code.k == 0 || code.shards() > kMaxShards) {
    return absl::InvalidArgumentError("cache code: at least 1 shard of data, at most 32 in all");
  }
  if (miss_decision.count() <= 0 || answer_deadline.count() <= 0 || set_deadline.count() <= 0) {
    return absl::InvalidArgumentError("cache deadlines: must be above zero");
  }
  if (ttl.count() < 0 || lease.ttl.count() <= 0) {
    return absl::InvalidArgumentError("cache times to live: must not be negative, of leases not 0");
  }
  if (max_outstanding == 0 || breaker.failures == 0) {
    return absl::InvalidArgumentError("cache limits: at least 1");
  }
  if (breaker.first_pause.count() <= 0 || breaker.longest_pause < breaker.first_pause) {
    return absl::InvalidArgumentError("cache breaker: the longest pause is below the first");
  }
  if (repair.sync_until_whole == 0) {
    return absl::InvalidArgumentError("cache repair: sync_until_whole must be at least 1");
  }
  if (!(repair.synced_per_second > 0) || lease.first_poll.count() <= 0) {
    return absl::InvalidArgumentError("cache rates: must be above zero");
  }
  return absl::OkStatus();
}

CacheStore::CacheStore(std::vector<std::shared_ptr<ShardServer>> servers,
                       const CacheOptions& options, Timer& timer, Executor& workers,
                       Metrics* metrics, Executor* starter)
    : core_(std::make_unique<CacheCore>(options, timer, workers, metrics, starter)) {
  core_->SetServers(std::move(servers));
}

CacheStore::~CacheStore() = default;

void CacheStore::SetServers(std::vector<std::shared_ptr<ShardServer>> servers) {
  core_->SetServers(std::move(servers));
}

void CacheStore::Get(const store::ChunkId& id, const store::RequestOptions& options,
                     GetCallback done) {
  core_->Get(id, options, std::move(done));
}

void CacheStore::Put(const store::VerifiedSealed& chunk, const store::RequestOptions& options,
                     PutCallback done) {
  if (options.cancel.cancelled()) return done(absl::CancelledError("shared cache: cancelled"));
  core_->Put(chunk, std::move(done));
}

void CacheStore::List(const std::string&, size_t, const store::RequestOptions&, ListCallback done) {
  done(store::ChunkPage{});
}

std::string CacheStore::Name() const { return core_->Name(); }

}  // namespace floe::cache
