// SPDX-License-Identifier: Apache-2.0
// The fast origin of a node, opened when a chunk is first wanted: a folder that is not mounted yet
// hinders neither a start nor its own use later.
#pragma once

#include <memory>
#include <string>

#include "base/executor.h"
#include "base/mutex.h"
#include "store/origin/two_origins.h"
#include "store/outstanding_calls.h"

namespace floe::fusefs {

// Shared by all roots. Thread safe.
class LazyFastOrigin {
 public:
  LazyFastOrigin(std::string address, size_t io_threads)
      : address_(std::move(address)), io_threads_(io_threads) {}

  const std::string& address() const { return address_; }
  // nullptr while it is not open.
  std::shared_ptr<store::FastOrigin> IfOpen() const FLOE_EXCLUDES(mutex_);
  // Blocks on I/O. UNAVAILABLE for whatever hinders; the next call tries again.
  absl::StatusOr<std::shared_ptr<store::FastOrigin>> Open() FLOE_EXCLUDES(mutex_);

 private:
  const std::string address_;
  const size_t io_threads_;
  mutable Mutex mutex_;
  std::shared_ptr<store::FastOrigin> origin_ FLOE_GUARDED_BY(mutex_);
  bool told_ FLOE_GUARDED_BY(mutex_) = false;  // that it cannot be opened
};

// The chunks of one root there. Thread safe.
class LazyFastChunks : public store::ChunkStore {
 public:
  // `origin` and `blocking` (which runs what waits for I/O) are borrowed and outlive this.
  LazyFastChunks(LazyFastOrigin& origin, Executor& blocking, const store::RootId& root)
      : origin_(origin), blocking_(blocking), root_(root) {}
  ~LazyFastChunks() override { outstanding_.WaitUntilNone(); }

  void Get(const store::ChunkId& id, const store::RequestOptions& options,
           GetCallback done) override;
  // The fill of what it had not. A node may have no right to: PERMISSION_DENIED then.
  void Put(const store::VerifiedSealed& chunk, const store::RequestOptions& options,
           PutCallback done) override;
  // The read path does not list: PERMISSION_DENIED.
  void List(const std::string& from, size_t limit, const store::RequestOptions& options,
            ListCallback done) override;
  absl::Status Sync() override { return absl::OkStatus(); }
  std::string Name() const override;

 private:
  // Calls `ask` with the chunks, or `refuse`; both once opening is decided.
  void WithChunks(std::function<void(store::ChunkStore&)> ask,
                  std::function<void(const absl::Status&)> refuse);
  std::shared_ptr<store::ChunkStore> ChunksOf(const store::FastOrigin& origin)
      FLOE_EXCLUDES(mutex_);

  LazyFastOrigin& origin_;
  Executor& blocking_;
  const store::RootId root_;
  Mutex mutex_;
  std::shared_ptr<store::ChunkStore> chunks_ FLOE_GUARDED_BY(mutex_);
  store::OutstandingCalls outstanding_;
};

}  // namespace floe::fusefs
