// SPDX-License-Identifier: Apache-2.0
#include "cli/format.h"

#include <gtest/gtest.h>

#include "cli/exit_code.h"

namespace floe::cli {
namespace {

TEST(FormatTest, BytesHaveThreeDigits) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1000), "1.00 kB");
  EXPECT_EQ(FormatBytes(12345), "12.3 kB");
  EXPECT_EQ(FormatBytes(999499), "999 kB");
  EXPECT_EQ(FormatBytes(999500), "1.00 MB");
  EXPECT_EQ(FormatBytes(123456789), "123 MB");
  EXPECT_EQ(FormatBytes(UINT64_MAX), "18.4 EB");
}

TEST(FormatTest, RatesDurationsShares) {
  EXPECT_EQ(FormatRate(1500), "1.50 kB/s");
  EXPECT_EQ(FormatRate(-1), "0 B/s");
  EXPECT_EQ(FormatDuration(std::chrono::seconds(59)), "59s");
  EXPECT_EQ(FormatDuration(std::chrono::seconds(125)), "2m05s");
  EXPECT_EQ(FormatDuration(std::chrono::seconds(11520)), "3h12m");
  EXPECT_EQ(FormatShare(1, 8), "12.5 %");
  EXPECT_EQ(FormatShare(1, 0), "0 %");
}

TEST(ExitCodeTest, SaysWhatTheCallerCanDo) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), kExitDone);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), kExitFailed);
  EXPECT_EQ(ExitCodeOf(absl::DataLossError("")), kExitBadInput);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), kExitBadInput);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), kExitNotFound);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("")), kExitRefused);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("")), kExitRefused);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), kExitTryAgain);
  EXPECT_EQ(ExitCodeOf(absl::ResourceExhaustedError("")), kExitFull);
  EXPECT_EQ(ExitCodeOf(absl::CancelledError("")), kExitCancelled);
}

}  // namespace
}  // namespace floe::cli
