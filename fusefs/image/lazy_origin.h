// SPDX-License-Identifier: Apache-2.0
// The origin of one root, opened when a chunk is first wanted: a node starts, and serves what it
// has in its tiers, while the store is missing or out of reach.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/executor.h"
#include "base/mutex.h"
#include "store/chunk_store.h"
#include "store/origin/open_store.h"
#include "store/outstanding_calls.h"

namespace floe::fusefs {

// The store, opened once, on demand, and its one owner on the read path. A store that is missing is
// not hammered: one attempt at a time, whose end is the answer to all who came while it was under
// way. Who comes later causes a new one, so a store that is back serves at once. Thread safe; must
// not be destroyed on a thread of the store.
class LazyStore {
 public:
  using Opener = std::function<absl::StatusOr<std::shared_ptr<store::StoreHandle>>()>;
  LazyStore(std::string address, Opener opener, Clock& clock)
      : address_(std::move(address)), opener_(std::move(opener)), clock_(clock) {}

  const std::string& address() const { return address_; }
  // nullptr while it is not open. The handle lives as long as this.
  store::StoreHandle* IfOpen() const FLOE_EXCLUDES(mutex_);
  // Blocks on I/O. UNAVAILABLE (try again) for whatever hinders: the operator may mend it.
  absl::StatusOr<store::StoreHandle*> Open() FLOE_EXCLUDES(mutex_, opening_);
  // Chunks of this manifest will be read; the store is told so, now or when it opens. Cheap.
  void Expect(const store::ManifestId& manifest, const store::RootId& birth_root)
      FLOE_EXCLUDES(mutex_);
  // How many are in Open() now: one of them attempts, the rest wait for it.
  size_t opening() const FLOE_EXCLUDES(mutex_);

 private:
  // `attempts` had ended when the caller came.
  absl::StatusOr<store::StoreHandle*> OpenAfter(uint64_t attempts) FLOE_EXCLUDES(mutex_, opening_);

  const std::string address_;
  const Opener opener_;
  Clock& clock_;
  Mutex opening_;  // one attempt at a time
  mutable Mutex mutex_;
  std::shared_ptr<store::StoreHandle> handle_ FLOE_GUARDED_BY(mutex_);
  // What to tell the store when it opens.
  std::set<std::pair<store::ManifestId, store::RootId>> expected_ FLOE_GUARDED_BY(mutex_);
  size_t inside_ FLOE_GUARDED_BY(mutex_) = 0;      // calls of Open()
  uint64_t attempts_ FLOE_GUARDED_BY(mutex_) = 0;  // that have ended
  absl::Status failure_ FLOE_GUARDED_BY(mutex_);   // of the last one
  SteadyTime told_at_ FLOE_GUARDED_BY(mutex_){};   // when a failure was last logged
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
  // Asks the root that served the last moved chunk, or the birth root; then the others.
  void GetFirst(store::StoreHandle& handle, const store::ChunkId& id,
                const store::RequestOptions& options, GetCallback done) FLOE_EXCLUDES(mutex_);
  // Blocks while it reads the log.
  void GetElsewhere(store::StoreHandle& handle, const store::RootId& tried,
                    const store::ChunkId& id, const store::RequestOptions& options,
                    absl::Status miss, GetCallback done);
  void TryRoots(store::StoreHandle& handle, std::vector<store::RootId> roots,
                const store::ChunkId& id, const store::RequestOptions& options, absl::Status miss,
                GetCallback done) FLOE_EXCLUDES(mutex_);
  // Asks one root. `answered` counts as under way until it has returned.
  void Ask(store::StoreHandle& handle, const store::RootId& root, const store::ChunkId& id,
           const store::RequestOptions& options, GetCallback answered);

  LazyStore& store_;
  Executor& blocking_;
  const store::RootId birth_root_;
  mutable Mutex mutex_;
  std::optional<store::RootId> moved_to_ FLOE_GUARDED_BY(mutex_);
  store::OutstandingCalls outstanding_;
};

}  // namespace floe::fusefs
