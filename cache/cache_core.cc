// SPDX-License-Identifier: Apache-2.0
#include "cache/cache_core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace floe::cache {

CacheCore::CacheCore(const CacheOptions& options, Timer& timer, Executor& workers, Metrics* metrics,
                     Executor* starter)
    : options_(options),
      timer_(timer),
      workers_(workers),
      metrics_(metrics),
      starter_(starter),
      counters_(CacheCounters::Of(metrics)),
      random_(options.seed),
      recent_(options.repair.replacement == Replacement::kDeltaSynced
                  ? options.repair.remembered_ids
                  : 0) {}

CacheCore::~CacheCore() {
  stopping_ = true;
  Timer::Id timer = 0;
  {
    MutexLock lock(mutex_);
    timer = std::exchange(sync_timer_, 0);
    to_sync_.clear();
  }
  timer_.Cancel(timer);
  calls_.WaitUntilNone();
}

std::shared_ptr<const ServerSet> CacheCore::servers() const {
  MutexLock lock(mutex_);
  return servers_;
}

uint64_t CacheCore::Random() {
  MutexLock lock(mutex_);
  return random_();
}

void CacheCore::SetServers(std::vector<std::shared_ptr<ShardServer>> given) {
  std::map<std::string, std::shared_ptr<ShardServer>> sorted;
  for (auto& server : given) {
    std::string name = server->Name();
    sorted.try_emplace(std::move(name), std::move(server));
  }
  while (sorted.size() > Placement::kMaxServers) sorted.erase(std::prev(sorted.end()));
  std::map<std::string, std::shared_ptr<GuardedServer>> before;
  if (const auto set = servers()) {
    for (const auto& server : set->servers()) before[server->name()] = server;
  }
  std::vector<std::shared_ptr<GuardedServer>> guarded;
  std::vector<std::string> fresh;
  for (auto& [name, server] : sorted) {
    const auto known = before.find(name);
    if (known != before.end() && known->second->server() == server) {
      guarded.push_back(known->second);
      continue;
    }
    fresh.push_back(name);
    guarded.push_back(std::make_shared<GuardedServer>(
        server, options_.max_outstanding, options_.breaker, Random(), timer_, metrics_,
        [this](const GuardedServer& back) { SyncFor({back.name()}); }));
  }
  std::shared_ptr<const ServerSet> next;
  if (!guarded.empty()) next = std::make_shared<ServerSet>(std::move(guarded), options_.code);
  {
    MutexLock lock(mutex_);
    servers_.swap(next);
  }
  if (!before.empty()) SyncFor(fresh);
}

std::string CacheCore::Name() const {
  const auto set = servers();
  if (!set) return "shared cache without servers";
  return absl::StrCat("shared cache ", CodeText(set->code().code()), " on ", set->servers().size(),
                      " servers");
}

void CacheCore::Look(const store::ChunkId& id, SteadyTime deadline, Lookup done,
                     ShardRead::Finished seen) {
  auto set = servers();
  if (!set) {
    done(absl::NotFoundError("shared cache: there are no servers"));
    if (seen) seen({});
    return;
  }
  const SteadyTime now = timer_.Now();
  ShardReadOptions options;
  options.decide_at = std::min(deadline, now + options_.miss_decision);
  options.last_shard_at = std::min(deadline, now + options_.last_shard_decision);
  options.answer_by =
      now + std::max<std::chrono::nanoseconds>(
                {options_.answer_deadline, options_.miss_decision, options_.last_shard_decision});
  options.reader_gone = deadline;
  const CallToken token = Begin();
  ShardRead::Start(
      id, std::move(set), options, timer_, workers_, starter_, token,
      [this, id, done = std::move(done)](absl::StatusOr<store::VerifiedSealed> result) {
        CountRead(result);
        // Before the caller hears of it, whose fill must replace what is there.
        if (absl::IsDataLoss(result.status())) AddSuspect(id);
        done(std::move(result));
      },
      [this, id, seen = std::move(seen)](const ShardReadReport& report) {
        AfterRead(id, report);
        if (seen) seen(report);
      });
}

void CacheCore::CountRead(const absl::StatusOr<store::VerifiedSealed>& result) {
  if (result.ok()) {
    AddTo(counters_.hits);
    AddTo(counters_.hit_bytes, static_cast<double>(result->bytes().size()));
  } else {
    AddTo(absl::IsNotFound(result.status()) ? counters_.misses : counters_.unavailable);
  }
}

void CacheCore::Get(const store::ChunkId& id, const store::RequestOptions& options,
                    store::ChunkStore::GetCallback done) {
  if (options.cancel.cancelled()) return done(absl::CancelledError("shared cache: cancelled"));
  if (options.deadline <= timer_.Now()) {
    return done(absl::DeadlineExceededError("shared cache: the deadline has passed already"));
  }
  const CallToken token = Begin();
  Look(id, options.deadline,
       [this, token, id, options,
        done = std::move(done)](absl::StatusOr<store::VerifiedSealed> result) mutable {
         if (result.ok()) return done(store::FetchedChunk(*std::move(result)));
         AfterMiss(id, options, std::move(result).status(), std::move(done));
       });
}

}  // namespace floe::cache
