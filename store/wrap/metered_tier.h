// SPDX-License-Identifier: Apache-2.0
// Counts what a tier finds, and what it takes in (store/tier/tier_metrics.h). MeteredStore counts
// requests by their result instead, and so what an origin is really asked.
#pragma once

#include <memory>
#include <string>

#include "store/tier/tier_metrics.h"
#include "store/wrap/forwarding_store.h"

namespace floe::store {

class MeteredTier : public ForwardingStore {
 public:
  // `metrics` and `clock` are borrowed and outlive this.
  MeteredTier(std::shared_ptr<ChunkStore> inner, Metrics& metrics, const std::string& tier,
              Clock& clock = Clock::Real())
      : ForwardingStore(std::move(inner)), clock_(clock), metrics_(metrics, tier) {}
  ~MeteredTier() override { calls_.WaitUntilNone(); }

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override;
  void Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) override;

 private:
  Clock& clock_;
  const TierMetrics metrics_;
};

}  // namespace floe::store
