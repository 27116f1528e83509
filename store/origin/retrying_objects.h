// SPDX-License-Identifier: Apache-2.0
// Tries again what may pass, for the records, log entries and lists of a store over a network.
// (Chunks have RetryStore, with a budget: there are many of them.)
#pragma once

#include <memory>
#include <string>

#include "base/timer.h"
#include "store/origin/object_store.h"
#include "store/outstanding_calls.h"

namespace floe::store {

struct RetryObjectsOptions {
  int attempts = 6;  // in all
  std::chrono::milliseconds base{100};
  std::chrono::milliseconds cap{5000};
};

// Only UNAVAILABLE is tried again; before attempt n+1 waits between half of and the whole of
// min(cap, base * 2^(n-1)), never beyond the deadline. A put whose answer was lost may have
// succeeded: when the object exists at the next attempt and its bytes are the same, the answer is
// kCreated.
class RetryingObjects : public ObjectStore {
 public:
  explicit RetryingObjects(std::shared_ptr<ObjectStore> inner,
                           const RetryObjectsOptions& options = {});
  ~RetryingObjects() override { calls_.WaitUntilNone(); }

  void Get(const std::string& name, uint64_t max_bytes, const RequestOptions& options,
           GetCallback done) override;
  void Put(const std::string& name, SealedBytes bytes, PutDurability durability,
           const RequestOptions& options, PutCallback done) override;
  void Replace(const std::string& name, SealedBytes bytes, const RequestOptions& options,
               DoneCallback done) override;
  void List(const std::string& prefix, const std::string& from, size_t limit,
            const RequestOptions& options, ListCallback done) override;
  absl::Status Sync() override { return inner_->Sync(); }
  std::string Name() const override { return inner_->Name(); }

 private:
  template <typename T>
  struct Call;
  template <typename T>
  void Attempt(std::shared_ptr<Call<T>> call);
  void IsOwnPut(const std::string& name, const SealedBytes& bytes, const RequestOptions& options,
                PutCallback done);
  // When to try again; kNoDeadline: not any more.
  SteadyTime NextAttempt(const absl::Status& status, int attempts_made,
                         const RequestOptions& options);

  const std::shared_ptr<ObjectStore> inner_;
  const RetryObjectsOptions options_;
  OutstandingCalls calls_;
  ThreadTimer timer_{"retry-objects"};
};

}  // namespace floe::store
