// SPDX-License-Identifier: Apache-2.0
// How urgent a request is while it is under way: a prefetch that somebody now waits for rises.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <utility>

#include "base/mutex.h"

namespace floe::store {

// Who is served first (store.md, "Stability"): smaller is more urgent.
enum class RequestClass { kRunning, kStart, kPrefetch, kBackground };
inline constexpr size_t kRequestClasses = 4;

// Shared by whoever started a request and whoever queues it. Thread safe.
class Urgency {
 public:
  explicit Urgency(RequestClass request_class) : class_(request_class) {}
  RequestClass request_class() const { return class_.load(std::memory_order_acquire); }

  // More urgent from now on; less urgent is ignored. Calls the listeners, outside any lock.
  void Raise(RequestClass request_class) FLOE_EXCLUDES(mutex_) {
    std::map<const void*, std::function<void()>> listeners;
    {
      MutexLock lock(mutex_);
      if (request_class >= class_.load(std::memory_order_relaxed)) return;
      class_.store(request_class, std::memory_order_release);
      listeners = listeners_;
    }
    for (const auto& [key, listener] : listeners) listener();
  }
  // One listener a `key` (the address of who listens); it may be called at any time until this
  // object goes, so it owns or guards what it touches.
  void Listen(const void* key, std::function<void()> listener) FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    listeners_[key] = std::move(listener);
  }

 private:
  std::atomic<RequestClass> class_;
  Mutex mutex_;
  std::map<const void*, std::function<void()>> listeners_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::store
