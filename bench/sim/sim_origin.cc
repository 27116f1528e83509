// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/sim_origin.h"

#include <algorithm>
#include <utility>

#include "store/wrap/limit_policy.h"

namespace floe::sim {

void SimOrigin::SetLimit(double requests_per_second) {
  options_.requests_per_second = requests_per_second;
  free_at_ = std::min(free_at_, loop_.Now());
}

void SimOrigin::Get(const store::ChunkId& id, const store::RequestOptions&, GetCallback done) {
  ++counts_.asked;
  const SteadyTime now = loop_.Now();
  const double each = options_.requests_per_second > 0 ? 1 / options_.requests_per_second : 0;
  const SteadyTime start = std::max(now, free_at_);
  if (each > 0 && start - now > options_.longest_queue) {
    ++counts_.refused;
    free_at_ = start + FromSeconds(each * options_.refusal_cost);
    loop_.RunAfter(FromSeconds(options_.refusal_seconds), [this, done = std::move(done)] {
      done(options_.tells_to_slow_down ? store::SlowDown("simulated origin: slow down")
                                       : absl::UnavailableError("simulated origin: overloaded"));
    });
    return;
  }
  free_at_ = start + FromSeconds(each);
  const Duration wait = start - now + FromSeconds(options_.seconds.Sample(random_));
  loop_.RunAfter(wait, [this, id, done = std::move(done)] {
    const std::optional<uint32_t> number = pool_.NumberOf(id);
    if (!number) return done(absl::NotFoundError("simulated origin: no such chunk"));
    ++counts_.served;
    if (served_before_.size() <= *number) served_before_.resize(pool_.size());
    counts_.again += served_before_[*number] ? 1 : 0;
    served_before_[*number] = true;
    done(store::FetchedChunk(pool_.chunk(*number).shared()));
  });
}

void SimOrigin::Put(const store::VerifiedSealed&, const store::RequestOptions&, PutCallback done) {
  done(absl::UnimplementedError("the simulated origin is read only"));
}

void SimOrigin::List(const std::string&, size_t, const store::RequestOptions&, ListCallback done) {
  done(absl::UnimplementedError("the simulated origin has no lists"));
}

}  // namespace floe::sim
