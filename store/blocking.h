// SPDX-License-Identifier: Apache-2.0
// Waiting for one asynchronous answer; for tools and tests, never on a FUSE thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/mutex.h"

namespace floe::store {

// Calls `start` with a callback and waits until the callback was called; gives its argument.
//   auto result = WaitFor<absl::StatusOr<int>>([&](auto done) { Begin(done); });
template <typename T>
T WaitFor(const std::function<void(std::function<void(T)>)>& start) {
  struct Answer {
    Mutex mutex;
    CondVar arrived;
    std::optional<T> value FLOE_GUARDED_BY(mutex);
  };
  const auto answer = std::make_shared<Answer>();
  start([answer](T value) {
    MutexLock lock(answer->mutex);
    answer->value.emplace(std::move(value));
    answer->arrived.NotifyOne();
  });
  MutexLock lock(answer->mutex);
  while (!answer->value) answer->arrived.Wait(answer->mutex);
  return *std::move(answer->value);
}

}  // namespace floe::store
