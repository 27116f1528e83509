// SPDX-License-Identifier: Apache-2.0
// Small versions of the experiments: that they are deterministic, and that their answers have the
// structure that doc/simulator.md states. No assertion depends on the third digit of anything.
#include "bench/sim/experiments.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/log.h"

namespace floe::sim {
namespace {

class Experiments : public testing::Test {
 protected:
  static void SetUpTestSuite() { SetLogLevel(LogLevel::kError); }
  static void TearDownTestSuite() { SetLogLevel(LogLevel::kInfo); }
};

TEST_F(Experiments, ARunIsAFunctionOfItsSeed) {
  const RunOptions options{7, 3, 0.005};
  const std::string once = RunTail(options).Json();
  EXPECT_EQ(RunTail(options).Json(), once);
  EXPECT_NE(RunTail({8, 3, 0.005}).Json(), once);
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

// Every value of a row is a number, and shares add up.
void ExpectShares(const Table& table, const std::string& row) {
  EXPECT_NEAR(table.At(row, "node %") + table.At(row, "shared %") + table.At(row, "origin %"), 100,
              1e-6)
      << row;
  EXPECT_EQ(table.At(row, "failed reads"), 0) << row;
}

TEST_F(Experiments, LargerTiersServeMore) {
  const Report report = RunHits({1, 8, 0.1});
  const Table& disk = report.tables[1];
  for (const auto& [row, values] : disk.rows) ExpectShares(disk, row);
  EXPECT_LT(disk.At("2 %", "node %"), disk.At("12 %", "node %"));
  EXPECT_LE(disk.At("12 %", "node %"), disk.At("50 %", "node %"));
  const Table& shared = report.tables[2];
  for (const auto& [row, values] : shared.rows) ExpectShares(shared, row);
  // So short a run fills no more than a part of the larger ones.
  EXPECT_GT(shared.At("10 %", "origin %"), shared.At("125 %", "origin %"));
  EXPECT_GE(shared.At("25 %", "origin %"), shared.At("125 %", "origin %"));
}

const Report& SmallTail() {
  static const Report report = RunTail({1, 6, 0.03});
  return report;
}

TEST_F(Experiments, TheFirstFourOfFiveAreThePapers) {
  const Report& report = SmallTail();
  const Table& figure = report.tables[0];
  for (const char* column : {"p10 ms", "p50 ms", "p75 ms", "p90 ms", "p95 ms"}) {
    const double paper = figure.At("paper, 4 of 5", column);
    EXPECT_NEAR(figure.At("floe, 4 of 5 (4+1)", column), paper, 0.12 * paper) << column;
    EXPECT_LT(figure.At("floe, 4 of 5 (4+1)", column), figure.At("floe, 4 of 4 (4+0)", column));
  }
  EXPECT_LT(figure.At("floe, 4 of 5 (4+1)", "p99 ms"),
            0.7 * figure.At("floe, 4 of 4 (4+0)", "p99 ms"));
  EXPECT_LT(figure.At("floe, 4 of 5 (4+1)", "p99 ms"), figure.At("floe, one copy (1+0)", "p99 ms"));
}

TEST_F(Experiments, ASlowServerIsTheTailOfSingleCopiesOnly) {
  const Report& report = SmallTail();
  const Table& faults = report.tables[1];
  const auto worse = [&](const std::string& code) {
    return faults.At(code + ", one slow", "p99 ms") / faults.At(code + ", healthy", "p99 ms");
  };
  EXPECT_GT(worse("1+0, 5 ms"), 10);
  EXPECT_LT(worse("3+2, 5 ms"), 1.6);
  // 4+1 is 4 of 4 then, whose p99 is what it is; the origin is not asked for it.
  EXPECT_LT(worse("4+1, 5 ms"), 4);
  EXPECT_GT(faults.At("4+1, 5 ms, one slow", "hit %"), 99.5);
  EXPECT_GT(faults.At("4+1, 5 ms, one silent", "hit %"), 99.5);
  EXPECT_LT(faults.At("1+0, 5 ms, one silent", "hit %"), 90);
}

TEST_F(Experiments, PlacementIsBoundedAndMovesLittle) {
  const Report report = RunSkew({1, 0, 0.25});
  const Table& table = report.tables[0];
  for (const std::string servers : {"6 servers, 4+1", "20 servers, 1+0", "20 servers, 4+1"}) {
    // The bound is 1.25 of the key space; 100,000 keys are a sample of it.
    EXPECT_LT(table.At(servers + ", bounded", "keys"), 1.30) << servers;
    EXPECT_LT(table.At(servers + ", bounded", "moved"), 1.6) << servers;
    EXPECT_GT(table.At(servers + ", ring of 1 points", "keys"),
              table.At(servers + ", bounded", "keys"))
        << servers;
  }
  // A ring shifts the shards behind the new server, too.
  EXPECT_GT(table.At("20 servers, 4+1, ring of 256 points", "moved"), 2);
}

TEST_F(Experiments, RepairKeepsWhatAColdReplacementLoses) {
  const Report report = RunLoss({1, 8, 0.2});
  const Table& rolling = report.tables[1];
  for (const auto& [row, values] : rolling.rows) EXPECT_EQ(rolling.At(row, "failed"), 0) << row;
  EXPECT_LT(rolling.At("cold", "available %"), rolling.At("warmed by reads", "available %"));
  EXPECT_LT(rolling.At("warmed by reads", "available %"),
            rolling.At("delta-synced by nodes", "available %"));
  EXPECT_GT(rolling.At("delta-synced by nodes", "available %"), 99);
  EXPECT_LT(rolling.At("delta-synced by nodes", "GB out"),
            rolling.At("delta-synced, to the end", "GB out"));
  const Table& infini = report.tables[0];
  EXPECT_LT(infini.At("cold", "available %"), infini.At("warmed by reads", "available %"));
  EXPECT_EQ(infini.At("stand-by of 5 min, cold", "failed"), 0);
}

TEST_F(Experiments, AnOverloadedOriginGivesWhatItCanAndAllStartsFinish) {
  const Report report = RunMetastability({1, 10, 0.25});
  const Table& table = report.tables[0];
  EXPECT_EQ(table.rows.size(), 6u);
  for (const auto& [row, values] : table.rows) {
    EXPECT_EQ(table.At(row, "starts"), table.At(row, "finished")) << row;
    EXPECT_LE(table.At(row, "goodput %"), 101) << row;
    EXPECT_GE(table.At(row, "sent/needed"), 1) << row;
  }
  EXPECT_GT(table.At("10 nodes: origin refuses", "goodput %"), 60);
  // Retries without a budget are never fewer, and an origin that lets requests wait gives all it
  // has.
  EXPECT_GE(table.At("10 nodes: origin refuses, no retry budget", "sent/needed"),
            0.99 * table.At("10 nodes: origin refuses", "sent/needed"));
  EXPECT_GT(table.At("10 nodes: origin queues", "goodput %"), 80);
}

TEST_F(Experiments, OneOfAHerdFetches) {
  const Report report = RunHerd({1, 300, 1});
  const Table& table = report.tables[0];
  EXPECT_EQ(table.At("no lease, all at once", "origin requests"), 300);
  EXPECT_LT(table.At("lease, all at once", "origin requests"), 15);
  for (const auto& [row, values] : table.rows) {
    EXPECT_EQ(table.At(row, "failed"), 0) << row;
    // The dead holder of the lease is no reader of this table.
    EXPECT_GE(table.At(row, "answered"), 299) << row;
  }
}

}  // namespace
}  // namespace floe::sim
