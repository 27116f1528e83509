// SPDX-License-Identifier: Apache-2.0
// How often and how long apart a registry is asked again.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "registry/options.h"

namespace floe::registry {

// Counts attempts in a row that brought nothing. Not thread safe.
class Backoff {
 public:
  explicit Backoff(const Options& options) : options_(options) {}

  // After a failed attempt: waits and is OK when another one is due, else gives `failure` back.
  // `asked_for` is the server's wish (Retry-After). CANCELLED when the token says so.
  absl::Status Wait(const absl::Status& failure,
                    std::optional<std::chrono::milliseconds> asked_for = std::nullopt);
  // Something came: the count starts anew.
  void Reset() { failures_ = 0; }

 private:
  const Options& options_;
  int failures_ = 0;
};

// The value of Retry-After: seconds or an HTTP date; nullopt for anything else.
std::optional<std::chrono::milliseconds> ParseRetryAfter(const std::string& value, SystemTime now);

// 408, 429 and the 5xx that pass: asking again may help.
bool IsPassing(int http_status);

}  // namespace floe::registry
