// SPDX-License-Identifier: Apache-2.0
// A store behind a limiter (store/wrap/request_limiter.h), which others may share.
#pragma once

#include <memory>

#include "store/wrap/forwarding_store.h"
#include "store/wrap/request_limiter.h"

namespace floe::store {

// Gets and puts count; lists pass.
class LimitingStore : public ForwardingStore {
 public:
  LimitingStore(std::shared_ptr<ChunkStore> inner, std::shared_ptr<RequestLimiter> limiter)
      : ForwardingStore(std::move(inner)), limiter_(std::move(limiter)) {}
  // With a limiter of its own.
  LimitingStore(std::shared_ptr<ChunkStore> inner, std::unique_ptr<LimitPolicy> policy,
                const LimitOptions& options = {}, Clock& clock = Clock::Real());
  ~LimitingStore() override { calls_.WaitUntilNone(); }

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override;
  void Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) override;

  size_t in_flight() { return limiter_->load().in_flight; }
  size_t queued() { return limiter_->load().queued; }

 private:
  template <typename T>
  void Submit(const RequestOptions& options,
              std::function<void(std::function<void(absl::StatusOr<T>)>)> start,
              std::function<void(absl::StatusOr<T>)> done);

  const std::shared_ptr<RequestLimiter> limiter_;
};

}  // namespace floe::store
