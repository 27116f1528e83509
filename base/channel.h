// SPDX-License-Identifier: Apache-2.0
// A bounded queue between two stages: full makes the producer wait, so memory is bounded by
// construction.
#pragma once

#include <deque>
#include <optional>

#include "base/mutex.h"

namespace floe {

// Thread safe; any number of producers and consumers.
template <typename T>
class Channel {
 public:
  explicit Channel(size_t capacity) : capacity_(capacity) {}

  // Waits for room. False, and `item` dropped, when the channel is closed.
  bool Send(T item) FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (items_.size() >= capacity_ && !closed_) not_full_.Wait(mutex_);
    if (closed_) return false;
    items_.push_back(std::move(item));
    not_empty_.NotifyOne();
    return true;
  }
  // Waits for an item; nullopt when the channel is closed and empty.
  std::optional<T> Receive() FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (items_.empty() && !closed_) not_empty_.Wait(mutex_);
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    not_full_.NotifyOne();
    return item;
  }
  // No further Send succeeds; what is queued can still be received. Idempotent.
  void Close() FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    closed_ = true;
    not_empty_.NotifyAll();
    not_full_.NotifyAll();
  }

 private:
  const size_t capacity_;
  Mutex mutex_;
  CondVar not_full_;
  CondVar not_empty_;
  std::deque<T> items_ FLOE_GUARDED_BY(mutex_);
  bool closed_ FLOE_GUARDED_BY(mutex_) = false;
};

}  // namespace floe
