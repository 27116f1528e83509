// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/limit_policy.h"

#include "absl/strings/cord.h"

namespace floe::store {
namespace {

constexpr char kSlowDownMark[] = "floe/slow-down";

}  // namespace

absl::Status SlowDown(absl::string_view message) {
  absl::Status status = absl::UnavailableError(message);
  status.SetPayload(kSlowDownMark, absl::Cord());
  return status;
}

bool IsSlowDown(const absl::Status& status) { return status.GetPayload(kSlowDownMark).has_value(); }

bool IsCongestion(const absl::Status& status) {
  return IsSlowDown(status) || absl::IsDeadlineExceeded(status);
}

void AimdLimit::OnAnswer(const absl::Status& status, SteadyTime::duration took, size_t in_flight) {
  if (grace_ > 0) {
    --grace_;
  } else if (IsCongestion(status) || (status.ok() && took > kSlow)) {
    grace_ = in_flight;
    good_ = 0;
    starting_ = false;
    Decrease();
  } else if (status.ok() && took <= kQuick &&
             ++good_ >= (starting_ ? 1 : std::max(limit_, kPatience))) {
    good_ = 0;
    Increase();
  }
}

void AimdLimit::Decrease() {
  if (limit_ > 1) {
    limit_ /= 2;
  } else {
    pause_ = std::min(std::max(2 * pause_, kFirstPause), kLongestPause);
  }
}

void AimdLimit::Increase() {
  if (pause_ > kFirstPause) {
    pause_ /= 2;
  } else if (pause_.count() > 0) {
    pause_ = {};
  } else if (limit_ < most_) {
    ++limit_;
  }
}

}  // namespace floe::store
