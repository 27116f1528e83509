// SPDX-License-Identifier: Apache-2.0
// Checks what a store answers against the id, so that everything above handles checked bytes only.
#pragma once

#include <memory>

#include "base/executor.h"
#include "base/metrics.h"
#include "store/wrap/forwarding_store.h"

namespace floe::store {

// Get answers VerifiedSealed, or DATA_LOSS naming chunk and store. Hashing runs on `workers`
// (borrowed, outlives this), not on the store's I/O threads.
class VerifyingStore : public ForwardingStore {
 public:
  // `mismatches` (optional, borrowed) counts wrong answers.
  VerifyingStore(std::shared_ptr<ChunkStore> inner, Executor& workers,
                 Counter* mismatches = nullptr)
      : ForwardingStore(std::move(inner)), workers_(workers), mismatches_(mismatches) {}
  ~VerifyingStore() override { calls_.WaitUntilNone(); }

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override;

 private:
  void Check(const ChunkId& id, FetchedChunk fetched, const GetCallback& done);

  Executor& workers_;
  Counter* const mismatches_;
};

}  // namespace floe::store
