// SPDX-License-Identifier: Apache-2.0
// Nearest first, fill on the way back: a fast store that may lose things before one that has them.
#pragma once

#include <memory>

#include "base/executor.h"
#include "base/metrics.h"
#include "store/chunk_store.h"
#include "store/outstanding_calls.h"
#include "store/wrap/filling_store.h"

namespace floe::store {

// Gets ask `near`; whatever it answers but the chunk, `far` is asked: a damaged or unreadable near
// tier makes reads slower and never wrong. What `far` gives is checked against its id on `workers`,
// handed out, and put into `near` as `policy` says (FillingStore). Puts, lists and Sync go to
// `far`. Thread safe.
class TieredStore : public ChunkStore {
 public:
  // `workers` is borrowed and must outlive this.
  TieredStore(std::shared_ptr<ChunkStore> near, std::shared_ptr<ChunkStore> far, Executor& workers,
              const FillPolicy& policy = {})
      : near_(near), far_(std::move(far), std::move(near), workers, policy) {}
  ~TieredStore() override { outstanding_.WaitUntilNone(); }

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override;
  void Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) override {
    far_.Put(chunk, options, std::move(done));
  }
  void List(const std::string& from, size_t limit, const RequestOptions& options,
            ListCallback done) override {
    far_.List(from, limit, options, std::move(done));
  }
  absl::Status Sync() override { return far_.Sync(); }
  std::string Name() const override;

 private:
  const std::shared_ptr<ChunkStore> near_;
  FillingStore far_;
  OutstandingCalls outstanding_;
};

}  // namespace floe::store
