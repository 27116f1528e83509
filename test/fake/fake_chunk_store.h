// SPDX-License-Identifier: Apache-2.0
// A chunk store in memory that delays, fails, corrupts and counts as the test says.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "store/chunk_store.h"

namespace floe::store {

// Thread safe. Answers on the caller's thread, or on the thread that releases it.
class FakeChunkStore : public ChunkStore {
 public:
  FakeChunkStore() = default;
  // Answers what is still held with UNAVAILABLE.
  ~FakeChunkStore() override;

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override;
  void Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) override;
  void List(const std::string& from, size_t limit, const RequestOptions& options,
            ListCallback done) override;
  absl::Status Sync() override FLOE_EXCLUDES(mutex_);
  std::string Name() const override { return "fake"; }

  // Puts without counting.
  void Add(const VerifiedSealed& chunk) FLOE_EXCLUDES(mutex_);
  void Remove(const ChunkId& id) FLOE_EXCLUDES(mutex_);

  // From now on gets and puts wait until they are released.
  void Hold() FLOE_EXCLUDES(mutex_);
  // Answers the oldest held request; false when there is none.
  bool ReleaseOne() FLOE_EXCLUDES(mutex_);
  // Answers all that is held and holds no more.
  void Release() FLOE_EXCLUDES(mutex_);
  size_t held() const FLOE_EXCLUDES(mutex_);
  // The classes of what is held, oldest first, as they are now.
  std::vector<RequestClass> held_classes() const FLOE_EXCLUDES(mutex_);

  // The next `times` gets and puts answer `status`.
  void FailNext(size_t times, absl::Status status) FLOE_EXCLUDES(mutex_);
  // Sync answers this from now on.
  void FailSync(absl::Status status) FLOE_EXCLUDES(mutex_);
  // Gets of `id` answer with a flipped bit.
  void Corrupt(const ChunkId& id) FLOE_EXCLUDES(mutex_);

  bool Has(const ChunkId& id) const FLOE_EXCLUDES(mutex_);
  size_t gets() const FLOE_EXCLUDES(mutex_);
  size_t gets_of(const ChunkId& id) const FLOE_EXCLUDES(mutex_);
  size_t puts() const FLOE_EXCLUDES(mutex_);
  size_t syncs() const FLOE_EXCLUDES(mutex_);
  size_t size() const FLOE_EXCLUDES(mutex_);
  // The options of the last get or put.
  RequestOptions last_options() const FLOE_EXCLUDES(mutex_);

 private:
  struct Held {
    RequestOptions options;
    std::function<void()> answer;
  };

  void RunOrHold(const RequestOptions& options, std::function<void()> answer) FLOE_EXCLUDES(mutex_);
  // What a request meets before it is served: cancellation, deadline, a planned failure.
  absl::Status Obstacle(const RequestOptions& options) FLOE_REQUIRES(mutex_);
  absl::StatusOr<FetchedChunk> GetNow(const ChunkId& id, const RequestOptions& options)
      FLOE_EXCLUDES(mutex_);
  absl::StatusOr<PutResult> PutNow(const VerifiedSealed& chunk, const RequestOptions& options)
      FLOE_EXCLUDES(mutex_);

  mutable Mutex mutex_;
  std::map<ChunkId, SealedBytes> chunks_ FLOE_GUARDED_BY(mutex_);
  std::map<ChunkId, size_t> gets_ FLOE_GUARDED_BY(mutex_);
  std::deque<Held> held_ FLOE_GUARDED_BY(mutex_);
  std::map<ChunkId, bool> corrupt_ FLOE_GUARDED_BY(mutex_);
  bool holding_ FLOE_GUARDED_BY(mutex_) = false;
  size_t failures_ FLOE_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ FLOE_GUARDED_BY(mutex_);
  absl::Status sync_status_ FLOE_GUARDED_BY(mutex_);
  size_t puts_ FLOE_GUARDED_BY(mutex_) = 0;
  size_t syncs_ FLOE_GUARDED_BY(mutex_) = 0;
  RequestOptions last_options_ FLOE_GUARDED_BY(mutex_);
};

// A sealed chunk of `size` bytes made from `seed`; not from any image.
VerifiedSealed FakeSealedChunk(uint64_t seed, size_t size = 100);

}  // namespace floe::store
