// SPDX-License-Identifier: Apache-2.0
// How many requests a store may have at once.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "base/clock.h"
#include "base/status.h"

namespace floe::store {

// The store asks for less: S3's SlowDown, HTTP 429 and 503. A mark on an UNAVAILABLE status.
absl::Status SlowDown(absl::string_view message);
bool IsSlowDown(const absl::Status& status);
// It says so, or an attempt had no answer in time, which is how some say it.
bool IsCongestion(const absl::Status& status);

// Called under the limiter's lock: not thread safe, must not call back.
class LimitPolicy {
 public:
  virtual ~LimitPolicy() = default;
  virtual size_t limit() const = 0;  // at least 1
  // `in_flight`: what is still under way.
  virtual void OnAnswer(const absl::Status& status, SteadyTime::duration took,
                        size_t in_flight) = 0;
  // How long nothing is started after an answer, on average: where one at a time is too much.
  virtual std::chrono::milliseconds pause() const { return {}; }
};

class FixedLimit : public LimitPolicy {
 public:
  explicit FixedLimit(size_t limit) : limit_(std::max<size_t>(limit, 1)) {}
  size_t limit() const override { return limit_; }
  void OnAnswer(const absl::Status&, SteadyTime::duration, size_t) override {}

 private:
  const size_t limit_;
};

// Additive increase, multiplicative decrease. Begins with `start`, and one more for each good
// answer up to the first congestion (as TCP's slow start); from then on one more after each
// max(limit, kPatience) good answers, so that finding out how much the store takes costs few of its
// answers. Half at a congestion (once for all requests that were under way then): "slow down", an
// attempt without an answer in time, or an answer that took kSlow, since some stores only queue.
// Answers above kQuick are no reason to ask for more. Below one at a time the pause between
// requests doubles and halves instead: many nodes may share a store that takes less than one from
// each.
class AimdLimit : public LimitPolicy {
 public:
  static constexpr size_t kPatience = 32;
  static constexpr std::chrono::seconds kQuick{1};
  static constexpr std::chrono::seconds kSlow{5};
  static constexpr std::chrono::milliseconds kFirstPause{100};
  static constexpr std::chrono::milliseconds kLongestPause{6400};

  AimdLimit(size_t start, size_t most)
      : most_(std::max<size_t>(most, 1)), limit_(std::clamp<size_t>(start, 1, most_)) {}
  size_t limit() const override { return limit_; }
  std::chrono::milliseconds pause() const override { return pause_; }
  void OnAnswer(const absl::Status& status, SteadyTime::duration took, size_t in_flight) override;

 private:
  void Decrease();
  void Increase();

  const size_t most_;
  size_t limit_;
  std::chrono::milliseconds pause_{0};
  bool starting_ = true;
  size_t good_ = 0;   // since the last change
  size_t grace_ = 0;  // answers that were under way at the last decrease
};

}  // namespace floe::store
