// SPDX-License-Identifier: Apache-2.0
// Answers in time: a store that hangs does not make its caller hang.
#pragma once

#include <memory>

#include "base/timer.h"
#include "store/wrap/forwarding_store.h"

namespace floe::store {

// Each call is answered by min(options.deadline, now + timeout) with DEADLINE_EXCEEDED; the store's
// own answer, when it comes, is dropped. The destructor still waits for those late answers.
class DeadlineStore : public ForwardingStore {
 public:
  // `timer` is borrowed and outlives this. Tighter than what callers ask for when `timeout` is.
  DeadlineStore(std::shared_ptr<ChunkStore> inner, Timer& timer, std::chrono::nanoseconds timeout)
      : ForwardingStore(std::move(inner)), timer_(timer), timeout_(timeout) {}
  ~DeadlineStore() override { calls_.WaitUntilNone(); }

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override;
  void Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) override;
  void List(const std::string& from, size_t limit, const RequestOptions& options,
            ListCallback done) override;

 private:
  // What the store is told, and a callback that is called by it or by the timer, whoever is first.
  template <typename T>
  std::pair<RequestOptions, std::function<void(absl::StatusOr<T>)>> Guard(
      const RequestOptions& options, std::function<void(absl::StatusOr<T>)> done);

  Timer& timer_;
  const std::chrono::nanoseconds timeout_;
};

}  // namespace floe::store
