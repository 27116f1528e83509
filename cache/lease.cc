// SPDX-License-Identifier: Apache-2.0
// The lease against a herd on one cold chunk: of many who miss, the first fetches it from the
// origin, the others look again until its fill is there, for as long as their class allows.
// Nothing depends on it: who waits in vain asks the origin.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cache/cache_core.h"

namespace floe::cache {

struct CacheCore::Wait {
  store::ChunkId id;
  store::RequestOptions options;
  absl::Status missed;
  store::ChunkStore::GetCallback done;
  CallToken token;
  SteadyTime until;
  std::chrono::nanoseconds pause;
};

void CacheCore::AfterMiss(const store::ChunkId& id, const store::RequestOptions& options,
                          absl::Status missed, store::ChunkStore::GetCallback done) {
  const auto set = servers();
  // Only where servers said that they have nothing: trouble must not cost more time.
  const bool wanted =
      options_.lease.enabled && options.request_class <= options_.lease.lowest_class;
  if (!wanted || !absl::IsNotFound(missed) || !set || stopping_) {
    return done(std::move(missed));
  }
  // All clients take the same server, the first of the chunk's that is not left alone.
  GuardedServer* holder = nullptr;
  for (size_t i = 0; i < set->shards() && holder == nullptr; ++i) {
    if (!set->ServerOf(id, i).open()) holder = &set->ServerOf(id, i);
  }
  if (holder == nullptr) return done(std::move(missed));
  auto wait = std::make_shared<Wait>();
  *wait = {id, options, std::move(missed), std::move(done), Begin(), {}, options_.lease.first_poll};
  static const auto* const kHeld = new store::SealedBytes(std::make_shared<Bytes>(1, '1'));
  const SteadyTime now = timer_.Now();
  holder->Set(LeaseKey(id), *kHeld, SetMode::kAdd, options_.lease.ttl,
              std::min(options.deadline, now + options_.miss_decision),
              [this, wait](const absl::Status& status) {
                if (absl::IsAlreadyExists(status)) return BeginWait(wait);
                if (status.ok()) AddTo(counters_.lease_won);
                wait->done(std::move(wait->missed));
              });
}

void CacheCore::BeginWait(std::shared_ptr<Wait> wait) {
  AddTo(counters_.lease_waits);
  const store::RequestClass request_class = wait->options.urgency != nullptr
                                                ? wait->options.urgency->request_class()
                                                : wait->options.request_class;
  wait->until =
      std::min(wait->options.deadline,
               timer_.Now() + options_.lease.longest_wait[static_cast<size_t>(request_class)]);
  Poll(wait);
}

void CacheCore::Poll(const std::shared_ptr<Wait>& wait) {
  const SteadyTime now = timer_.Now();
  if (now >= wait->until || stopping_) return wait->done(std::move(wait->missed));
  // Half the pause and up to as much again, so that those who missed together spread out.
  const int64_t half = wait->pause.count() / 2;
  const std::chrono::nanoseconds pause(half + static_cast<int64_t>(Random() % (2 * half + 1)));
  wait->pause *= 2;
  timer_.RunAt(std::min(wait->until, now + pause), [this, wait] {
    if (wait->options.cancel.cancelled()) {
      return wait->done(absl::CancelledError("shared cache: cancelled"));
    }
    Look(wait->id, wait->options.deadline,
         [this, wait](absl::StatusOr<store::VerifiedSealed> result) {
           if (!result.ok()) return Poll(wait);
           AddTo(counters_.lease_hits);
           wait->done(store::FetchedChunk(*std::move(result)));
         });
  });
}

}  // namespace floe::cache
