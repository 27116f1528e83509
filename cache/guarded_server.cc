// SPDX-License-Identifier: Apache-2.0
#include "cache/guarded_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace floe::cache {
namespace {

// An answer of any kind, as against none.
bool ServerAnswered(const absl::Status& status) {
  return status.ok() || absl::IsNotFound(status) || absl::IsAlreadyExists(status) ||
         absl::IsResourceExhausted(status);
}

}  // namespace

GuardedServer::GuardedServer(std::shared_ptr<ShardServer> server, size_t max_outstanding,
                             const BreakerOptions& breaker, uint64_t seed, Timer& timer,
                             Metrics* metrics, std::function<void(const GuardedServer&)> back)
    : server_(std::move(server)),
      name_(server_->Name()),
      max_outstanding_(max_outstanding),
      timer_(timer),
      counters_(CacheServerCounters::Of(metrics, name_)),
      back_(std::move(back)),
      breaker_(breaker, seed) {}

absl::Status GuardedServer::Begin(size_t limit) {
  if (outstanding_.fetch_add(1) >= limit) {
    outstanding_.fetch_sub(1);
    AddTo(counters_.full);
    return absl::UnavailableError(
        absl::StrCat("cache server ", name_, ": ", limit, " requests are under way already"));
  }
  if (!breaker_.Allow(timer_.Now())) {
    outstanding_.fetch_sub(1);
    AddTo(counters_.skipped);
    return absl::UnavailableError(
        absl::StrCat("cache server ", name_, ": left alone for a while after failures"));
  }
  return absl::OkStatus();
}

void GuardedServer::End(const absl::Status& status) {
  outstanding_.fetch_sub(1);
  const bool answered = ServerAnswered(status);
  if (!answered) {
    AddTo(absl::IsDeadlineExceeded(status) ? counters_.timeouts : counters_.unavailable);
  }
  const Breaker::Answer answer = breaker_.Tell(answered, timer_.Now());
  if (answer == Breaker::Answer::kOpened) {
    if (counters_.open != nullptr) counters_.open->Set(1);
    Log(LogLevel::kWarning, "cache server left alone for a while after failures",
        {{"server", name_}, {"last", std::string(status.message())}});
  } else if (answer == Breaker::Answer::kClosed) {
    if (counters_.open != nullptr) counters_.open->Set(0);
    Log(LogLevel::kInfo, "cache server answers again", {{"server", name_}});
    back_(*this);
  }
}

void GuardedServer::Get(const std::string& key, SteadyTime deadline,
                        ShardServer::GetCallback done) {
  if (absl::Status begun = Begin(max_outstanding_); !begun.ok()) return done(std::move(begun));
  server_->Get(key, deadline,
               [self = shared_from_this(),
                done = std::move(done)](absl::StatusOr<store::SealedBytes> result) {
                 self->End(result.status());
                 done(std::move(result));
               });
}

void GuardedServer::Set(const std::string& key, store::SealedBytes bytes, SetMode mode,
                        std::chrono::seconds ttl, SteadyTime deadline,
                        ShardServer::SetCallback done) {
  // Readers come first: the other half is theirs.
  if (absl::Status begun = Begin((max_outstanding_ + 1) / 2); !begun.ok()) {
    return done(std::move(begun));
  }
  server_->Set(key, std::move(bytes), mode, ttl, deadline,
               [self = shared_from_this(), done = std::move(done)](absl::Status status) {
                 self->End(status);
                 done(std::move(status));
               });
}

}  // namespace floe::cache
