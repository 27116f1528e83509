// SPDX-License-Identifier: Apache-2.0
#include "registry/retry.h"

#include <algorithm>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace floe::registry {
namespace {

constexpr std::chrono::milliseconds kSlice{50};  // between two looks for cancellation

absl::Status Pause(std::chrono::milliseconds length, const CancelToken& cancel) {
  const SteadyTime end = Clock::Real().Now() + length;
  while (true) {
    if (cancel.cancelled()) return absl::CancelledError("cancelled");
    const auto left = end - Clock::Real().Now();
    if (left <= left.zero()) return absl::OkStatus();
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, kSlice));
  }
}

}  // namespace

absl::Status Backoff::Wait(const absl::Status& failure,
                           std::optional<std::chrono::milliseconds> asked_for) {
  ++failures_;
  if (failures_ >= options_.attempts) {
    return Annotate(failure, absl::StrCat("after ", failures_, " attempts"));
  }
  std::chrono::milliseconds pause =
      options_.first_pause * (int64_t{1} << std::min(failures_ - 1, 20));
  if (asked_for) pause = std::max(pause, *asked_for);
  return Pause(std::min(pause, options_.max_pause), options_.cancel);
}

std::optional<std::chrono::milliseconds> ParseRetryAfter(const std::string& value, SystemTime now) {
  uint64_t seconds = 0;
  if (absl::SimpleAtoi(value, &seconds)) {
    return std::chrono::seconds(std::min<uint64_t>(seconds, 24 * 3600));
  }
  absl::Time date;
  std::string error;
  if (!absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", value, &date, &error)) return std::nullopt;
  const auto wait =
      std::chrono::duration_cast<std::chrono::milliseconds>(absl::ToChronoTime(date) - now);
  return std::max(wait, std::chrono::milliseconds(0));
}

bool IsPassing(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

}  // namespace floe::registry
