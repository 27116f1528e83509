// SPDX-License-Identifier: Apache-2.0
// Whole chunks into the cache, and single shards back that a read found missing or wrong.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cache/cache_core.h"

namespace floe::cache {
namespace {

constexpr size_t kMaxSuspects = 1024;

}  // namespace

struct CacheCore::Fill {
  CallToken token;  // first, so that it goes last: the servers must not outlive the core
  store::VerifiedSealed chunk;
  std::shared_ptr<const ServerSet> servers;
  store::ChunkStore::PutCallback done;
  SetMode mode = SetMode::kAdd;
  Mutex mutex;
  size_t pending FLOE_GUARDED_BY(mutex) = 0;
  std::vector<absl::Status> results FLOE_GUARDED_BY(mutex);
};

void CacheCore::Put(const store::VerifiedSealed& chunk, store::ChunkStore::PutCallback done) {
  auto set = servers();
  if (!set) return done(absl::UnavailableError("shared cache: there are no servers"));
  const size_t bytes = chunk.bytes().size();
  if (bytes == 0 || bytes > kMaxShardedBytes) {
    return done(absl::InvalidArgumentError(
        absl::StrCat("chunk ", chunk.id().ToHex(), ": ", bytes, " bytes are no sealed chunk")));
  }
  const size_t value = kShardHeaderBytes + ShardPayloadBytes(bytes, set->code().code());
  for (size_t i = 0; i < set->shards(); ++i) {
    const GuardedServer& server = set->ServerOf(chunk.id(), i);
    if (value <= server.MaxValueBytes()) continue;
    AddTo(counters_.refused_fills);
    return done(absl::FailedPreconditionError(absl::StrCat(
        "chunk ", chunk.id().ToHex(), ": shards of ", value, " bytes, but cache server ",
        server.name(), " takes ", server.MaxValueBytes(),
        " at most; start it with a larger -I, or use a code with more shards of data")));
  }
  if (fill_bytes_.fetch_add(bytes) + bytes > options_.max_pending_fill_bytes) {
    fill_bytes_.fetch_sub(bytes);
    AddTo(counters_.refused_fills);
    return done(absl::ResourceExhaustedError("shared cache: too many fills are under way"));
  }
  Remember(chunk.id());
  std::shared_ptr<Fill> fill(new Fill{Begin(),
                                      chunk,
                                      std::move(set),
                                      std::move(done),
                                      TakeSuspect(chunk.id()) ? SetMode::kReplace : SetMode::kAdd,
                                      {},
                                      0,
                                      {}});
  workers_.Run([this, fill] { SendFill(fill); });
}

void CacheCore::SendFill(const std::shared_ptr<Fill>& fill) {
  const store::ChunkId& id = fill->chunk.id();
  const auto shards = MakeAllShards(id, fill->chunk.bytes(), fill->servers->code());
  {
    MutexLock lock(fill->mutex);
    fill->pending = shards.size();
    fill->results.resize(shards.size());
  }
  const SteadyTime deadline = timer_.Now() + options_.set_deadline;
  for (size_t i = 0; i < shards.size(); ++i) {
    fill->servers->ServerOf(id, i).Set(fill->servers->KeyOf(id, i), shards[i], fill->mode,
                                       options_.ttl, deadline,
                                       [this, fill, i](absl::Status status) {
                                         {
                                           MutexLock lock(fill->mutex);
                                           fill->results[i] = std::move(status);
                                           if (--fill->pending > 0) return;
                                         }
                                         EndFill(fill);
                                       });
  }
}

void CacheCore::EndFill(const std::shared_ptr<Fill>& fill) {
  size_t there = 0;
  absl::Status first = absl::UnknownError("");  // of the first shard that a server answered for
  absl::Status failed;
  {
    MutexLock lock(fill->mutex);
    for (const absl::Status& status : fill->results) {
      if (status.ok() || absl::IsAlreadyExists(status)) {
        if (++there == 1) first = status;
      } else {
        failed = status;
      }
    }
  }
  const size_t bytes = fill->chunk.bytes().size();
  fill_bytes_.fetch_sub(bytes);
  const Code& code = fill->servers->code().code();
  if (there < code.k) {
    // A part of it is no use; the next fill completes it.
    AddTo(counters_.refused_fills);
    return fill->done(
        Annotate(failed, absl::StrCat("chunk ", fill->chunk.id().ToHex(), ": only ", there, " of ",
                                      code.shards(), " cache servers took a shard")));
  }
  if (!first.ok()) return fill->done(store::PutResult::kExisted);
  AddTo(counters_.fills);
  AddTo(counters_.fill_bytes, static_cast<double>(bytes));
  fill->done(store::PutResult::kCreated);
}

void CacheCore::AfterRead(const store::ChunkId& id, const ShardReadReport& report) {
  AddTo(counters_.mismatches, static_cast<double>(report.mismatches));
  if (!report.chunk) {
    if (report.mismatches > 0 || !report.bad.empty()) AddSuspect(id);
    return;
  }
  if (report.reconstructed) AddTo(counters_.reconstructed);
  Remember(id);
  // What is wrong is replaced in any case; what is absent as the policy says.
  const bool warm = options_.repair.replacement != Replacement::kCold;
  if (stopping_ || (report.bad.empty() && (!warm || report.absent.empty()))) return;
  const size_t bytes = report.chunk->bytes().size();
  if (repair_bytes_.fetch_add(bytes) + bytes > options_.repair.max_pending_bytes) {
    repair_bytes_.fetch_sub(bytes);
    AddTo(counters_.refused_repairs);
    return;
  }
  // Whatever way the last of them ends, the bytes are given back.
  CallToken token(nullptr,
                  [this, bytes, call = Begin()](void*) { repair_bytes_.fetch_sub(bytes); });
  // The token is captured first, so that it goes last.
  workers_.Run([this, token = std::move(token), id, report] { Repair(id, report, token); });
}

void CacheCore::Repair(const store::ChunkId& id, const ShardReadReport& report, CallToken token) {
  std::vector<size_t> indices = report.bad;
  if (options_.repair.replacement != Replacement::kCold) {
    indices.insert(indices.end(), report.absent.begin(), report.absent.end());
  }
  const auto shards = MakeShards(id, report.chunk->bytes(), report.servers->code(), indices);
  const SteadyTime deadline = timer_.Now() + options_.set_deadline;
  for (size_t i = 0; i < indices.size(); ++i) {
    GuardedServer& server = report.servers->ServerOf(id, indices[i]);
    if (shards[i]->size() > server.MaxValueBytes()) continue;
    server.Set(report.servers->KeyOf(id, indices[i]), shards[i],
               i < report.bad.size() ? SetMode::kReplace : SetMode::kAdd, options_.ttl, deadline,
               [this, token](const absl::Status& status) {
                 if (status.ok()) AddTo(counters_.repairs);
               });
  }
}

bool CacheCore::TakeSuspect(const store::ChunkId& id) {
  MutexLock lock(mutex_);
  return std::erase(suspects_, id) > 0;
}

void CacheCore::AddSuspect(const store::ChunkId& id) {
  MutexLock lock(mutex_);
  if (std::find(suspects_.begin(), suspects_.end(), id) != suspects_.end()) return;
  if (suspects_.size() == kMaxSuspects) suspects_.pop_front();
  suspects_.push_back(id);
}

}  // namespace floe::cache
