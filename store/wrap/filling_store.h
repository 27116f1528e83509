// SPDX-License-Identifier: Apache-2.0
// Puts what a store gives into a tier as well.
#pragma once

#include <memory>
#include <string>

#include "base/executor.h"
#include "store/wrap/forwarding_store.h"

namespace floe::store {

// Which gets fill the tiers they went past.
struct FillPolicy {
  bool fill = true;
  // Of the classes, down to this one: what a scan in the background reads need not push out what
  // containers do.
  RequestClass least_urgent = RequestClass::kBackground;

  bool Wants(const RequestOptions& options) const {
    const RequestClass now =
        options.urgency != nullptr ? options.urgency->request_class() : options.request_class;
    return fill && now <= least_urgent;
  }
};

// Each chunk that `inner` answers is checked against its id on `workers` (borrowed, outlives this),
// handed out, and put into `target`, whose refusal nobody hears of. Thread safe.
class FillingStore : public ForwardingStore {
 public:
  FillingStore(std::shared_ptr<ChunkStore> inner, std::shared_ptr<ChunkStore> target,
               Executor& workers, const FillPolicy& policy = {})
      : ForwardingStore(std::move(inner)),
        target_(std::move(target)),
        workers_(workers),
        policy_(policy) {}
  ~FillingStore() override { calls_.WaitUntilNone(); }

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override;

 private:
  void Fill(const VerifiedSealed& chunk);

  const std::shared_ptr<ChunkStore> target_;
  Executor& workers_;
  const FillPolicy policy_;
};

}  // namespace floe::store
