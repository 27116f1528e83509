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

void AimdLimit::OnAnswer(const absl::Status& status) {
  if (grace_ > 0) {
    --grace_;
    return;
  }
  if (IsSlowDown(status) || absl::IsDeadlineExceeded(status)) {
    grace_ = limit_ - 1;
    limit_ = std::max<size_t>(limit_ / 2, 1);
    good_ = 0;
  } else if (status.ok() && ++good_ >= limit_ && limit_ < most_) {
    ++limit_;
    good_ = 0;
  }
}

}  // namespace floe::store
