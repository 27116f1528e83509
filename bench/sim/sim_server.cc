// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/sim_server.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "bench/sim/constants.h"

namespace floe::sim {
namespace {

constexpr double kItemOverheadBytes = 56 + 80;  // memcached's item header and our key
constexpr Duration kRefusal = std::chrono::microseconds(300);  // one turn to a closed port [A]

uint64_t HashOf(const std::string& key) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : key) hash = Mix(hash ^ static_cast<unsigned char>(c));
  return hash;
}

}  // namespace

double SimServer::DeclaredBytes(const std::string& key, size_t real_bytes) {
  const std::vector<std::string> parts = absl::StrSplit(key, '.');
  const double k = parts.size() == 5 ? std::atof(parts[2].c_str()) : 0;
  return k > 0 ? kChunkBytes / k : static_cast<double>(real_bytes);
}

const SimServer::Item* SimServer::Lookup(uint64_t key) {
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  if (found->second->expires <= loop_.Now()) {
    Erase(found->second);
    return nullptr;
  }
  items_.splice(items_.begin(), items_, found->second);
  return &*found->second;
}

bool SimServer::Holds(const std::string& key) const {
  const auto found = index_.find(HashOf(key));
  return found != index_.end() && found->second->expires > loop_.Now();
}

void SimServer::Erase(Items::iterator item) {
  used_ -= item->declared;
  index_.erase(item->key);
  items_.erase(item);
}

void SimServer::Store(uint64_t key, store::SealedBytes bytes, double declared,
                      std::chrono::seconds ttl) {
  if (const auto old = index_.find(key); old != index_.end()) Erase(old->second);
  declared += kItemOverheadBytes;
  while (!items_.empty() && used_ + declared > options_.memory_bytes) {
    ++counts_.evictions;
    Erase(std::prev(items_.end()));
  }
  const SteadyTime expires = ttl.count() > 0 ? loop_.Now() + ttl : kNoDeadline;
  items_.push_front({key, std::move(bytes), declared, expires, loop_.Now()});
  index_[key] = items_.begin();
  used_ += declared;
}

SteadyTime SimServer::Transfer(SteadyTime& free_at, double bytes) {
  if (options_.link_bytes_per_second <= 0) return loop_.Now();
  free_at = std::max(free_at, loop_.Now()) +
            FromSeconds(bytes * slowness_ / options_.link_bytes_per_second);
  return free_at;
}

bool SimServer::Refuses(SteadyTime deadline, const std::function<void(absl::Status)>& fail) {
  if (state_ == ServerState::kUp) return false;
  SteadyTime when = deadline;
  if (state_ == ServerState::kDown) when = std::min(deadline, loop_.Now() + kRefusal);
  const bool down = state_ == ServerState::kDown;
  loop_.RunAt(when, [fail, down] {
    fail(down ? absl::UnavailableError("connection refused")
              : absl::DeadlineExceededError("no answer in time"));
  });
  return true;
}

void SimServer::AnswerAt(SteadyTime when, SteadyTime deadline, std::function<void()> answer,
                         std::function<void(absl::Status)> fail) {
  const bool late = when > deadline;
  loop_.RunAt(std::min(when, deadline), [this, late, incarnation = incarnation_,
                                         answer = std::move(answer), fail = std::move(fail)] {
    if (incarnation != incarnation_) return fail(absl::UnavailableError("connection reset"));
    if (late) return fail(absl::DeadlineExceededError("no answer in time"));
    answer();
  });
}

void SimServer::Get(const std::string& key, SteadyTime deadline, GetCallback done) {
  if (Refuses(deadline, [done](absl::Status status) { done(std::move(status)); })) return;
  ++counts_.gets;
  const Item* item = Lookup(HashOf(key));
  const store::SealedBytes bytes = item != nullptr ? item->bytes : nullptr;
  SteadyTime sent = loop_.Now();
  if (item != nullptr) {
    ++counts_.hits;
    counts_.bytes_out += item->declared;
    sent = Transfer(out_free_at_, item->declared);
  }
  const SteadyTime when = sent + FromSeconds(options_.seconds.Sample(random_) * slowness_);
  AnswerAt(
      when, deadline,
      [done, bytes] {
        if (bytes == nullptr) return done(absl::NotFoundError("no such key"));
        done(bytes);
      },
      [done](absl::Status status) { done(std::move(status)); });
}

void SimServer::Set(const std::string& key, store::SealedBytes bytes, cache::SetMode mode,
                    std::chrono::seconds ttl, SteadyTime deadline, SetCallback done) {
  if (Refuses(deadline, done)) return;
  ++counts_.sets;
  const double declared = DeclaredBytes(key, bytes->size());
  counts_.bytes_in += declared;
  const SteadyTime sent = Transfer(in_free_at_, declared);
  const SteadyTime when = sent + FromSeconds(options_.seconds.Sample(random_) * slowness_);
  AnswerAt(
      when, deadline,
      [this, hash = HashOf(key), bytes = std::move(bytes), declared, mode, ttl, done] {
        if (mode == cache::SetMode::kAdd && Lookup(hash) != nullptr) {
          return done(absl::AlreadyExistsError("something is there"));
        }
        Store(hash, bytes, declared, ttl);
        done(absl::OkStatus());
      },
      done);
}

void SimServer::SetState(ServerState state) {
  state_ = state;
  if (state != ServerState::kUp) ++incarnation_;
}

void SimServer::Replace(SteadyTime synced) {
  ++incarnation_;
  state_ = ServerState::kUp;
  for (auto item = items_.begin(); item != items_.end();) {
    const auto next = std::next(item);
    if (item->stored >= synced) Erase(item);
    item = next;
  }
}

SimServers MakeServers(Loop& loop, size_t count, double total_bytes, ServerOptions options,
                       Random random) {
  options.memory_bytes = total_bytes / static_cast<double>(count);
  SimServers servers;
  for (size_t i = 0; i < count; ++i) {
    servers.push_back(std::make_shared<SimServer>(
        loop, absl::StrFormat("10.0.%d.%d:11211", i / 250, i % 250 + 1), options, random.Fork(i)));
  }
  return servers;
}

}  // namespace floe::sim
