// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/metrics.h"

namespace floe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, SameNameAndLabelsAreOneCounter) {
  Metrics metrics;
  metrics.GetCounter("floe_reads_total", "Reads.", {{"tier", "disk"}}).Add();
  metrics.GetCounter("floe_reads_total", "Reads.", {{"tier", "disk"}}).Add(2);
  metrics.GetCounter("floe_reads_total", "Reads.", {{"tier", "memory"}}).Add();
  metrics.GetGauge("floe_cache_bytes", "Bytes.").Set(7);
  metrics.GetHistogram("floe_read_seconds", "Latency.").Observe(0.002);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("floe_reads_total{tier=\"disk\"} 3"));
  EXPECT_THAT(text, HasSubstr("floe_reads_total{tier=\"memory\"} 1"));
  EXPECT_THAT(text, HasSubstr("floe_cache_bytes 7"));
  EXPECT_THAT(text, HasSubstr("floe_read_seconds_count 1"));
}

TEST(LogTest, FieldsAreQuotedWhereNeeded) {
  ::testing::internal::CaptureStderr();
  Log(LogLevel::kInfo, "chunk refused", {{"chunk", "abc"}, {"reason", "a \"b\"\nc"}});
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(line, HasSubstr("info chunk refused chunk=abc reason=\"a \\\"b\\\"\\nc\""));
}

TEST(LogTest, JsonLinesAndLevels) {
  SetLogJson(true);
  ::testing::internal::CaptureStderr();
  Log(LogLevel::kDebug, "hidden");
  Log(LogLevel::kError, "seen", {{"n", 3}});
  const std::string text = ::testing::internal::GetCapturedStderr();
  SetLogJson(false);
  EXPECT_THAT(text, HasSubstr("\"level\":\"error\",\"message\":\"seen\",\"n\":\"3\"}"));
  EXPECT_THAT(text, Not(HasSubstr("hidden")));
}

}  // namespace
}  // namespace floe
