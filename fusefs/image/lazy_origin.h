// SPDX-License-Identifier: Apache-2.0
// The origin of one root, opened when a chunk is first wanted: a node starts, and serves what it
// has in its tiers, while the store is missing or out of reach.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/executor.h"
#include "base/mutex.h"
#include "store/chunk_store.h"
#include "store/origin/open_store.h"
#include "store/outstanding_calls.h"

namespace floe::fusefs {

// The store, opened once, on demand. A failed attempt is remembered for a second, so that a missing
// store is not hammered. Thread safe.
class LazyStore {
 public:
  using Opener = std::function<absl::StatusOr<std::shared_ptr<store::StoreHandle>>()>;
  LazyStore(std::string address, Opener opener, Clock& clock)
      : address_(std::move(address)), opener_(std::move(opener)), clock_(clock) {}

  const std::string& address() const { return address_; }
  // nullptr while it is not open.
  std::shared_ptr<store::StoreHandle> IfOpen() const FLOE_EXCLUDES(mutex_);
  // Blocks on I/O. UNAVAILABLE (try again) for whatever hinders: the operator may mend it.
  absl::StatusOr<std::shared_ptr<store::StoreHandle>> Open() FLOE_EXCLUDES(mutex_, opening_);

 private:
  const std::string address_;
  const Opener opener_;
  Clock& clock_;
  Mutex opening_;  // one attempt at a time
  mutable Mutex mutex_;
  std::shared_ptr<store::StoreHandle> handle_ FLOE_GUARDED_BY(mutex_);
  absl::Status failure_ FLOE_GUARDED_BY(mutex_);
  SteadyTime failed_at_ FLOE_GUARDED_BY(mutex_){};
};

// The chunks of one birth root; what that has not (any more) is looked for in the other readable
// roots, newest first: images move when roots are retired, and a chunk is the same wherever it lies
// (store.md, "Store layout"). Thread safe.
class LazyOrigin : public store::ChunkStore {
 public:
  // `store` and `blocking` (which runs what waits for I/O) are borrowed and must outlive this.
  LazyOrigin(LazyStore& store, Executor& blocking, const store::RootId& birth_root)
      : store_(store), blocking_(blocking), birth_root_(birth_root) {}
  ~LazyOrigin() override { outstanding_.WaitUntilNone(); }

  void Get(const store::ChunkId& id, const store::RequestOptions& options,
           GetCallback done) override;
  // The read path never writes: PERMISSION_DENIED.
  void Put(const store::VerifiedSealed& chunk, const store::RequestOptions& options,
           PutCallback done) override;
  void List(const std::string& from, size_t limit, const store::RequestOptions& options,
            ListCallback done) override;
  absl::Status Sync() override { return absl::OkStatus(); }
  std::string Name() const override;

 private:
  using Handle = std::shared_ptr<store::StoreHandle>;

  // Asks the root that served the last moved chunk, or the birth root; then the others.
  void GetFirst(Handle handle, const store::ChunkId& id, const store::RequestOptions& options,
                GetCallback done) FLOE_EXCLUDES(mutex_);
  // Blocks while it reads the log.
  void GetElsewhere(Handle handle, const store::RootId& tried, const store::ChunkId& id,
                    const store::RequestOptions& options, absl::Status miss, GetCallback done);
  void TryRoots(Handle handle, std::vector<store::RootId> roots, const store::ChunkId& id,
                const store::RequestOptions& options, absl::Status miss, GetCallback done)
      FLOE_EXCLUDES(mutex_);

  LazyStore& store_;
  Executor& blocking_;
  const store::RootId birth_root_;
  mutable Mutex mutex_;
  std::optional<store::RootId> moved_to_ FLOE_GUARDED_BY(mutex_);
  store::OutstandingCalls outstanding_;
};

}  // namespace floe::fusefs
