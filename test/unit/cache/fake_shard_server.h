// SPDX-License-Identifier: Apache-2.0
// A cache server in memory that is slow, silent, dead or lies as the test says.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/timer.h"
#include "cache/shard_server.h"

namespace floe::cache {

// Thread safe. Answers on the caller's thread, or on the timer's.
class FakeShardServer : public ShardServer {
 public:
  FakeShardServer(std::string name, Timer& timer) : name_(std::move(name)), timer_(timer) {}

  void Get(const std::string& key, SteadyTime deadline, GetCallback done) override {
    std::function<void()> answer;
    {
      MutexLock lock(mutex_);
      ++gets_;
      absl::StatusOr<store::SealedBytes> result = absl::NotFoundError("no such key");
      const auto found = items_.find(key);
      if (found != items_.end()) result = found->second;
      answer = Answer<absl::StatusOr<store::SealedBytes>>(std::move(result), std::move(done));
    }
    Deliver(std::move(answer), deadline);
  }

  void Set(const std::string& key, store::SealedBytes bytes, SetMode mode, std::chrono::seconds,
           SteadyTime deadline, SetCallback done) override {
    std::function<void()> answer;
    {
      MutexLock lock(mutex_);
      ++sets_;
      absl::Status status;
      if (silent_ || down_) {
        status = absl::UnavailableError("down");
      } else if (mode == SetMode::kAdd && items_.count(key) > 0) {
        status = absl::AlreadyExistsError("there");
      } else {
        items_[key] = std::move(bytes);
      }
      answer = Answer<absl::Status>(std::move(status), std::move(done));
    }
    Deliver(std::move(answer), deadline);
  }

  std::string Name() const override { return name_; }
  size_t MaxValueBytes() const override { return max_value_; }

  // Answers come so much later; beyond their deadline they are failures.
  void SetDelay(std::chrono::nanoseconds delay) {
    MutexLock lock(mutex_);
    delay_ = delay;
  }
  // True: no answer but the deadline's.
  void SetSilent(bool silent) {
    MutexLock lock(mutex_);
    silent_ = silent;
  }
  // True: UNAVAILABLE at once.
  void SetDown(bool down) {
    MutexLock lock(mutex_);
    down_ = down;
  }
  void SetMaxValue(size_t bytes) { max_value_ = bytes; }
  void Flush() {
    MutexLock lock(mutex_);
    items_.clear();
  }
  // Changes every value there is.
  void Spoil(const std::function<void(const std::string& key, Bytes&)>& how) {
    MutexLock lock(mutex_);
    for (auto& [key, value] : items_) {
      auto changed = std::make_shared<Bytes>(*value);
      how(key, *changed);
      value = std::move(changed);
    }
  }
  void Store(const std::string& key, Bytes value) {
    MutexLock lock(mutex_);
    items_[key] = std::make_shared<Bytes>(std::move(value));
  }
  std::map<std::string, store::SealedBytes> items() const {
    MutexLock lock(mutex_);
    return items_;
  }
  size_t shards() const {
    MutexLock lock(mutex_);
    size_t count = 0;
    for (const auto& [key, value] : items_) count += key.ends_with(".lease") ? 0 : 1;
    return count;
  }
  size_t gets() const {
    MutexLock lock(mutex_);
    return gets_;
  }
  size_t sets() const {
    MutexLock lock(mutex_);
    return sets_;
  }

 private:
  template <typename T>
  std::function<void()> Answer(T result, std::function<void(T)> done) FLOE_REQUIRES(mutex_) {
    if (silent_) result = absl::DeadlineExceededError("silent");
    if (down_) result = absl::UnavailableError("down");
    return [result = std::move(result), done = std::move(done)] { done(result); };
  }
  void Deliver(std::function<void()> answer, SteadyTime deadline) {
    std::chrono::nanoseconds delay;
    bool at_deadline = false;
    {
      MutexLock lock(mutex_);
      delay = delay_;
      at_deadline = silent_ && !down_;
    }
    if (at_deadline) {
      timer_.RunAt(deadline, std::move(answer));
    } else if (delay.count() > 0) {
      timer_.RunAt(std::min(deadline, timer_.Now() + delay), std::move(answer));
    } else {
      answer();
    }
  }

  const std::string name_;
  Timer& timer_;
  size_t max_value_ = size_t{2} << 20;
  mutable Mutex mutex_;
  std::map<std::string, store::SealedBytes> items_ FLOE_GUARDED_BY(mutex_);
  std::chrono::nanoseconds delay_ FLOE_GUARDED_BY(mutex_){0};
  bool silent_ FLOE_GUARDED_BY(mutex_) = false;
  bool down_ FLOE_GUARDED_BY(mutex_) = false;
  size_t gets_ FLOE_GUARDED_BY(mutex_) = 0;
  size_t sets_ FLOE_GUARDED_BY(mutex_) = 0;
};

}  // namespace floe::cache
