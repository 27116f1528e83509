// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "bench/sim/constants.h"

namespace floe::sim {
namespace {

TEST(Random, TheSameSeedGivesTheSameNumbersInEveryBuild) {
  Random random(1);
  // Golden: a change here changes every figure of doc/simulator.md.
  EXPECT_EQ(random.Next(), 13830413928045401970u);
  Random again(1);
  Random other(2);
  random = Random(1);
  EXPECT_EQ(random.Next(), again.Next());
  EXPECT_NE(random.Next(), other.Next());
}

TEST(Random, ForksShareNothing) {
  std::set<uint64_t> seen;
  for (uint64_t part = 0; part < 1000; ++part) seen.insert(Random(7).Fork(part).Next());
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(Random, UniformFillsItsRangeEvenly) {
  Random random(3);
  std::vector<int> buckets(10);
  for (int i = 0; i < 100'000; ++i) {
    const double x = random.Uniform();
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
    ++buckets[static_cast<size_t>(x * 10)];
  }
  for (const int count : buckets) EXPECT_NEAR(count, 10'000, 500);
}

TEST(Random, BelowReachesBothEndsOnly) {
  Random random(4);
  std::set<size_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.Below(3));
  EXPECT_EQ(seen, (std::set<size_t>{0, 1, 2}));
  EXPECT_EQ(random.Below(1), 0u);
}

TEST(Random, ExponentialHasItsMean) {
  Random random(5);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) sum += random.Exponential(2.5);
  EXPECT_NEAR(sum / 100'000, 2.5, 0.05);
}

TEST(Zipf, HasTheShapeOfTheRegistryTraces) {
  const Zipf zipf(10'000, kPopularityExponent);
  // [REG] the top 1 % take 42 % (Dallas) to 59 % (Sydney), the top ten 8 % to 30 %.
  EXPECT_NEAR(zipf.ShareOfFirst(100), 0.42, 0.03);
  EXPECT_GT(zipf.ShareOfFirst(10), 0.08);
  EXPECT_LT(zipf.ShareOfFirst(10), 0.30);
  EXPECT_EQ(zipf.ShareOfFirst(0), 0);
  EXPECT_NEAR(zipf.ShareOfFirst(10'000), 1, 1e-9);
}

TEST(Zipf, DrawsAsItSays) {
  const Zipf zipf(1000, 0.9);
  Random random(6);
  int first = 0;
  for (int i = 0; i < 100'000; ++i) {
    const size_t rank = zipf.Sample(random);
    ASSERT_LT(rank, 1000u);
    first += rank < 10 ? 1 : 0;
  }
  EXPECT_NEAR(first / 1e5, zipf.ShareOfFirst(10), 0.01);
}

TEST(Quantiles, GoThroughTheirPoints) {
  const Quantiles quantiles({{0.0, 1}, {0.5, 2}, {0.9, 8}}, 100);
  EXPECT_DOUBLE_EQ(quantiles.At(0), 1);
  EXPECT_DOUBLE_EQ(quantiles.At(0.5), 2);
  EXPECT_NEAR(quantiles.At(0.9), 8, 1e-9);
  EXPECT_NEAR(quantiles.At(0.7), 4, 1e-9);  // half way on the logarithm
}

TEST(Quantiles, TheTailIsAPowerLawThroughTheLastTwoPointsUpToTheMost) {
  const Quantiles quantiles({{0.0, 1}, {0.9, 2}, {0.99, 4}}, 50);
  EXPECT_NEAR(quantiles.At(0.999), 8, 1e-9);
  EXPECT_NEAR(quantiles.At(0.9999), 16, 1e-9);
  EXPECT_DOUBLE_EQ(quantiles.At(1 - 1e-12), 50);
}

TEST(Quantiles, ScaledHasTheSameShape) {
  const Quantiles quantiles({{0.0, 1}, {0.5, 2}, {0.9, 8}}, 100);
  const Quantiles slow = quantiles.Scaled(10);
  for (const double share : {0.1, 0.5, 0.8, 0.95, 0.9999999}) {
    EXPECT_NEAR(slow.At(share), 10 * quantiles.At(share), 1e-6 * slow.At(share));
  }
}

TEST(Constants, TheOriginIsThePapers) {
  EXPECT_NEAR(OriginSeconds().At(0.5), 0.036, 1e-9);
  EXPECT_NEAR(OriginSeconds().At(0.999), 0.175, 1e-9);
}

// The order statistics of single requests that the shard's times were made from.
TEST(Constants, FourShardsAreFigureNinesFourOfFour) {
  const Quantiles shard = ShardSeconds();
  const auto four_of_four = [&](double share) { return shard.At(std::pow(share, 0.25)) * 1e3; };
  EXPECT_NEAR(four_of_four(0.10), 1.22, 0.01);
  EXPECT_NEAR(four_of_four(0.50), 1.43, 0.01);
  EXPECT_NEAR(four_of_four(0.75), 1.69, 0.01);
  EXPECT_NEAR(four_of_four(0.90), 2.34, 0.02);
  EXPECT_NEAR(four_of_four(0.95), 3.02, 0.03);
}

}  // namespace
}  // namespace floe::sim
