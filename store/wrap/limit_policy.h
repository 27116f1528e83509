// SPDX-License-Identifier: Apache-2.0
// How many requests a store may have at once.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/status.h"

namespace floe::store {

// The store asks for less: S3's SlowDown, HTTP 429 and 503. A mark on an UNAVAILABLE status.
absl::Status SlowDown(absl::string_view message);
bool IsSlowDown(const absl::Status& status);

// Called under the limiter's lock: not thread safe, must not call back.
class LimitPolicy {
 public:
  virtual ~LimitPolicy() = default;
  virtual size_t limit() const = 0;  // at least 1
  virtual void OnAnswer(const absl::Status& status) = 0;
};

class FixedLimit : public LimitPolicy {
 public:
  explicit FixedLimit(size_t limit) : limit_(std::max<size_t>(limit, 1)) {}
  size_t limit() const override { return limit_; }
  void OnAnswer(const absl::Status&) override {}

 private:
  const size_t limit_;
};

// Additive increase, multiplicative decrease: one more after each `limit` good answers, half when
// the store says slow down, or does not answer in time, which is how some say it (once for all
// requests that were under way then).
class AimdLimit : public LimitPolicy {
 public:
  AimdLimit(size_t start, size_t most)
      : limit_(std::max<size_t>(start, 1)), most_(std::max(most, limit_)) {}
  size_t limit() const override { return limit_; }
  void OnAnswer(const absl::Status& status) override;

 private:
  size_t limit_;
  const size_t most_;
  size_t good_ = 0;   // since the last change
  size_t grace_ = 0;  // answers that were under way at the last decrease
};

}  // namespace floe::store
