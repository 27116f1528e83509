// SPDX-License-Identifier: Apache-2.0
#include "cache/placement.h"

#include <algorithm>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "gtest/gtest.h"

namespace floe::cache {
namespace {

std::vector<std::string> ServerNames(size_t count, uint64_t salt = 0) {
  std::set<std::string> names;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t n = salt * 7919 + i;
    names.insert(absl::StrCat("10.", n >> 16 & 255, ".", n >> 8 & 255, ".", n & 255, ":11211"));
  }
  return {names.begin(), names.end()};
}

std::vector<size_t> LoadsOf(const Placement& placement, size_t servers) {
  std::vector<size_t> loads(servers, 0);
  for (size_t p = 0; p < Placement::kPartitions; ++p) {
    for (const uint16_t server : placement.ServersOfPartition(p)) ++loads[server];
  }
  return loads;
}

void ExpectDistinctAndBounded(const std::vector<std::string>& names, const Code& wanted) {
  const auto placement = Placement::Of(names, wanted);
  ASSERT_EQ(placement->code(), CodeFor(wanted, names.size()));
  const size_t shards = placement->code().shards();
  for (size_t p = 0; p < Placement::kPartitions; ++p) {
    const auto row = placement->ServersOfPartition(p);
    ASSERT_EQ(row.size(), shards);
    for (size_t i = 0; i < shards; ++i) {
      ASSERT_LT(row[i], names.size());
      for (size_t j = 0; j < i; ++j) ASSERT_NE(row[i], row[j]);
    }
  }
  const double mean =
      static_cast<double>(Placement::kPartitions * shards) / static_cast<double>(names.size());
  for (const size_t load : LoadsOf(*placement, names.size())) {
    ASSERT_LE(static_cast<double>(load), 1.25 * mean) << names.size() << " servers";
  }
}

// The share of shards whose server is another one, by name.
double Moved(const std::vector<std::string>& before, const std::vector<std::string>& after,
             const Code& code) {
  const auto a = Placement::Of(before, code);
  const auto b = Placement::Of(after, code);
  EXPECT_EQ(a->code(), b->code());
  size_t moved = 0;
  for (size_t p = 0; p < Placement::kPartitions; ++p) {
    for (size_t i = 0; i < code.shards(); ++i) {
      moved += before[a->ServersOfPartition(p)[i]] != after[b->ServersOfPartition(p)[i]] ? 1 : 0;
    }
  }
  return static_cast<double>(moved) / static_cast<double>(Placement::kPartitions * code.shards());
}

TEST(PlacementTest, ThousandsOfListsAreDistinctAndBounded) {
#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
  constexpr size_t kLists = 100;  // the sanitizers' builds are many times slower
#else
  constexpr size_t kLists = 2000;
#endif
  std::mt19937_64 random(1);
  const std::vector<Code> codes = {{4, 1}, {1, 1}, {1, 0}, {10, 2}, {2, 2}, {4, 2}};
  for (size_t round = 0; round < kLists; ++round) {
    ExpectDistinctAndBounded(ServerNames(1 + random() % 40, random() % 100'000),
                             codes[round % codes.size()]);
    if (HasFatalFailure()) return;
  }
}

TEST(PlacementTest, LargeListsAreDistinctAndBounded) {
  for (const size_t servers : {100, 500, 1000, 4096}) {
    ExpectDistinctAndBounded(ServerNames(servers, servers), {4, 1});
  }
}

TEST(PlacementTest, AServerThatLeavesMovesAboutItsShareOfTheKeys) {
  for (const size_t servers : {6, 7, 10, 20, 50, 200}) {
    for (const Code code : {Code{4, 1}, Code{1, 0}}) {
      const std::vector<std::string> before = ServerNames(servers, 17);
      double sum = 0;
      double most = 0;
      for (size_t gone = 0; gone < std::min<size_t>(servers, 12); ++gone) {
        std::vector<std::string> after = before;
        after.erase(after.begin() + static_cast<ptrdiff_t>(gone));
        const double moved = Moved(before, after, code);
        EXPECT_DOUBLE_EQ(moved, Moved(after, before, code)) << "joining is leaving backwards";
        sum += moved;
        most = std::max(most, moved);
      }
      const double share = 1.0 / static_cast<double>(servers);
      const double mean = sum / static_cast<double>(std::min<size_t>(servers, 12));
      RecordProperty(absl::StrCat("moved_", servers, "_", CodeText(code)),
                     absl::StrCat(mean / share));
      EXPECT_LT(mean, 1.6 * share) << servers << " servers, " << CodeText(code);
      EXPECT_LT(most, 2.2 * share) << servers << " servers, " << CodeText(code);
    }
  }
}

TEST(PlacementTest, AChunkHardlyEverLosesTwoShardsWhenOneServerLeaves) {
  // What 4+1 can bear is one shard: a list that changes by one must rarely cost a chunk two.
  const std::vector<std::string> before = ServerNames(12, 3);
  std::vector<std::string> after = before;
  after.erase(after.begin() + 5);
  const Code code{4, 1};
  const auto a = Placement::Of(before, code);
  const auto b = Placement::Of(after, code);
  size_t lost_two = 0;
  for (size_t p = 0; p < Placement::kPartitions; ++p) {
    size_t moved = 0;
    for (size_t i = 0; i < 5; ++i) {
      moved += before[a->ServersOfPartition(p)[i]] != after[b->ServersOfPartition(p)[i]] ? 1 : 0;
    }
    lost_two += moved > 1 ? 1 : 0;
  }
  EXPECT_LT(static_cast<double>(lost_two), 0.15 * Placement::kPartitions);
}

TEST(PlacementTest, TheSameListIsSharedAndAnotherIsNot) {
  const auto a = Placement::Of(ServerNames(9), {4, 1});
  EXPECT_EQ(a, Placement::Of(ServerNames(9), {4, 1}));
  EXPECT_NE(a, Placement::Of(ServerNames(9), {3, 1}));
  EXPECT_NE(a, Placement::Of(ServerNames(8), {4, 1}));
}

// Every client must agree, whichever build it is: these bytes never change.
TEST(PlacementTest, IsTheSameInEveryBuild) {
  std::string table;
  for (const size_t servers : {1, 2, 5, 6, 20, 300}) {
    const auto placement = Placement::Of(ServerNames(servers), {4, 1});
    for (size_t p = 0; p < Placement::kPartitions; ++p) {
      for (const uint16_t server : placement->ServersOfPartition(p)) {
        table.push_back(static_cast<char>(server & 0xff));
        table.push_back(static_cast<char>(server >> 8));
      }
    }
  }
  EXPECT_EQ(ToHex(Sha256::Of(AsBytes(table))),
            "66b8de0a431da0e9f5fe38a77816dd50a9c24206c5ec893a7b4842916fa3ce75");
}

TEST(PlacementTest, PartitionsAreTheFirstFourteenBits) {
  store::ChunkId id;
  EXPECT_EQ(Placement::PartitionOf(id), 0u);
  id.bytes[0] = 0xff;
  id.bytes[1] = 0xff;
  EXPECT_EQ(Placement::PartitionOf(id), Placement::kPartitions - 1);
  id.bytes[0] = 0;
  id.bytes[1] = 4;
  EXPECT_EQ(Placement::PartitionOf(id), 1u);
}

}  // namespace
}  // namespace floe::cache
