// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "bench/sim/latencies.h"

namespace floe::sim {
namespace {

using testing::HasSubstr;

Report Example() {
  Report report{"example", 7, 3, 0.5};
  Table table{"A \"title\"", {"one", "two"}};
  table.Add("row", {1, 2.5});
  table.Add("paper", {kNotStated, 1e6});
  report.tables = {table};
  report.findings = {"a finding"};
  return report;
}

TEST(Report, TextHasNamesNumbersAndDashes) {
  const std::string text = Example().Text();
  EXPECT_THAT(text, HasSubstr("example  (seed 7, 3 nodes, scale 0.5)"));
  EXPECT_THAT(text, HasSubstr("row      1  2.5"));
  EXPECT_THAT(text, HasSubstr("paper    -  1000000"));
  EXPECT_THAT(text, HasSubstr("=> a finding"));
}

TEST(Report, JsonQuotesAndHasNullForWhatIsNotStated) {
  EXPECT_EQ(Example().Json(),
            "{\"experiment\":\"example\",\"seed\":7,\"nodes\":3,\"scale\":0.5,\"tables\":["
            "{\"title\":\"A \\\"title\\\"\",\"rows\":[\n"
            "{\"row\":\"row\",\"one\":1,\"two\":2.5},\n"
            "{\"row\":\"paper\",\"one\":null,\"two\":1000000}]}],\"findings\":[\"a finding\"]}\n");
}

TEST(Report, ValuesAreFoundByName) {
  const Report report = Example();
  EXPECT_EQ(report.Of("A \"title\"").At("row", "two"), 2.5);
  EXPECT_TRUE(std::isnan(report.tables[0].At("row", "three")));
  EXPECT_TRUE(std::isnan(report.tables[0].At("column", "two")));
  EXPECT_DEATH(report.Of("no such table"), "");
}

TEST(Latencies, GiveExactPercentiles) {
  Latencies latencies;
  EXPECT_EQ(latencies.Millis(0.5), 0);
  for (int i = 100; i >= 0; --i) latencies.Add(std::chrono::milliseconds(i));
  EXPECT_DOUBLE_EQ(latencies.Millis(0), 0);
  EXPECT_DOUBLE_EQ(latencies.Millis(0.5), 50);
  EXPECT_DOUBLE_EQ(latencies.Millis(0.99), 99);
  EXPECT_DOUBLE_EQ(latencies.Millis(1), 100);
  latencies.Add(std::chrono::milliseconds(200));  // after it was sorted
  EXPECT_DOUBLE_EQ(latencies.Millis(1), 200);
  latencies.Clear();
  EXPECT_EQ(latencies.count(), 0u);
}

}  // namespace
}  // namespace floe::sim
