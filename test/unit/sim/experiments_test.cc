// SPDX-License-Identifier: Apache-2.0
// Small versions of the experiments: that they are deterministic, and that their answers have the
// structure that doc/simulator.md states. No assertion depends on the third digit of anything.
#include "bench/sim/experiments.h"

#include <gtest/gtest.h>

#include <set>

#include "base/log.h"

namespace floe::sim {
namespace {

class Experiments : public testing::Test {
 protected:
  static void SetUpTestSuite() { SetLogLevel(LogLevel::kError); }
  static void TearDownTestSuite() { SetLogLevel(LogLevel::kInfo); }
};

TEST_F(Experiments, ARunIsAFunctionOfItsSeed) {
  const RunOptions options{7, 20, 0.005};
  const std::string once = RunTail(options).Json();
  EXPECT_EQ(RunTail(options).Json(), once);
  EXPECT_NE(RunTail({8, 20, 0.005}).Json(), once);
  const RunOptions herd{7, 50, 1};
  EXPECT_EQ(RunHerd(herd).Json(), RunHerd(herd).Json());
}

TEST_F(Experiments, AllAreListedOnceWithAPurpose) {
  std::set<std::string> names;
  for (const Experiment& experiment : sim::Experiments()) {
    EXPECT_TRUE(names.insert(experiment.name).second);
    EXPECT_FALSE(experiment.purpose.empty());
  }
  EXPECT_EQ(names,
            (std::set<std::string>{"hits", "tail", "skew", "loss", "metastability", "herd"}));
}

}  // namespace
}  // namespace floe::sim
