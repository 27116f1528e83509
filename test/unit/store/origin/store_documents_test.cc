// SPDX-License-Identifier: Apache-2.0
// floe.json, the log and the names of things.
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/origin/store_layout.h"

namespace floe::store {
namespace {

using testing::HasSubstr;

StoreInfo Info() {
  StoreInfo info;
  info.id.fill(1);
  info.domains = {{DomainId{{2}}, "default"}, {kPublicDomain, "public"}};
  return info;
}

TEST(StoreInfo, ReadsWhatItWrote) {
  auto info = DecodeStoreInfo(EncodeStoreInfo(Info()));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->id, Info().id);
  EXPECT_EQ(info->layout_version, 1u);
  ASSERT_EQ(info->domains.size(), 2u);
  EXPECT_EQ(info->domains[1].id, kPublicDomain);
  EXPECT_EQ(info->domains[1].name, "public");
}

TEST(StoreInfo, DamageIsNamed) {
  const std::string good = EncodeStoreInfo(Info());
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[1]"), std::string("\"floe-store\""),
        good.substr(0, good.size() / 2), replaced("floe-store", "other"),
        replaced("\"id\"", "\"ix\""), replaced("01010101", "0101010x"),
        replaced("01010101", "0101"), replaced(": 1", ": 0"), replaced(": 1", ": \"1\""),
        replaced(": 1", ": -1"), replaced("\"name\"", "\"nam\""),
        replaced("\"domains\"", "\"domain\"")}) {
    const absl::Status status = DecodeStoreInfo(text).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << text << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("floe.json"));
  }
  StoreInfo none = Info();
  none.domains.clear();
  EXPECT_TRUE(absl::IsDataLoss(DecodeStoreInfo(EncodeStoreInfo(none)).status()));
}

TEST(StoreInfo, ANewerLayoutAsksForANewerFloe) {
  StoreInfo newer = Info();
  newer.layout_version = 2;
  const absl::Status status = DecodeStoreInfo(EncodeStoreInfo(newer)).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("update floe"));
}

LogEntry Entry(uint64_t seq, std::vector<RootTransition> transitions) {
  return {seq, SystemTime(std::chrono::seconds(1000 * seq)), std::move(transitions)};
}

const RootId kA{{0xa}};
const RootId kB{{0xb}};

TEST(LogEntry, ReadsWhatItWrote) {
  const LogEntry entry = Entry(7, {{kA, RootState::kRetired}, {kB, RootState::kActive}});
  auto read = DecodeLogEntry(EncodeLogEntry(entry));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->seq, 7u);
  EXPECT_EQ(read->time, entry.time);
  ASSERT_EQ(read->transitions.size(), 2u);
  EXPECT_EQ(read->transitions[0].root, kA);
  EXPECT_EQ(read->transitions[0].state, RootState::kRetired);
}

TEST(LogEntry, DamageIsRefused) {
  const std::string good = EncodeLogEntry(Entry(7, {{kA, RootState::kRetired}}));
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  for (const std::string& text :
       {std::string(), std::string("7"), good.substr(0, 20), replaced("retired", "resting"),
        replaced("\"root\"", "\"rot\""), replaced("7000", "-7"),
        replaced("7000", "99999999999999999"), replaced("\"roots\": [", "\"roots\": [3,")}) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeLogEntry(text).status())) << text;
  }
}

TEST(ReplayLog, GivesEachRootItsStateNewestFirst) {
  auto roots = ReplayLog({Entry(1, {{kA, RootState::kActive}}),
                          Entry(2, {{kA, RootState::kRetired}, {kB, RootState::kActive}}),
                          Entry(3, {{kA, RootState::kExpired}})});
  ASSERT_TRUE(roots.ok()) << roots.status();
  ASSERT_EQ(roots->size(), 2u);
  EXPECT_EQ((*roots)[0].id, kB);
  EXPECT_EQ((*roots)[0].state, RootState::kActive);
  EXPECT_EQ((*roots)[0].born_seq, 2u);
  EXPECT_EQ((*roots)[1].state, RootState::kExpired);
  EXPECT_EQ((*roots)[1].born_seq, 1u);
  EXPECT_EQ((*roots)[1].state_seq, 3u);
  EXPECT_EQ((*roots)[1].since, SystemTime(std::chrono::seconds(3000)));
  EXPECT_TRUE((*roots)[1].readable());
}

TEST(ReplayLog, ARootThatProvedAliveMayComeBackAndADeletedOneMayNot) {
  std::vector<LogEntry> log = {Entry(1, {{kA, RootState::kActive}}),
                               Entry(2, {{kA, RootState::kRetired}, {kB, RootState::kActive}}),
                               Entry(3, {{kA, RootState::kExpired}}),
                               Entry(4, {{kA, RootState::kRetired}}),
                               Entry(5, {{kA, RootState::kExpired}}),
                               Entry(6, {{kA, RootState::kDeleting}}),
                               Entry(7, {{kA, RootState::kGone}})};
  auto roots = ReplayLog(log);
  ASSERT_TRUE(roots.ok()) << roots.status();
  EXPECT_FALSE((*roots)[1].readable());
  log.push_back(Entry(8, {{kA, RootState::kExpired}}));
  EXPECT_TRUE(absl::IsDataLoss(ReplayLog(log).status()));
}

TEST(ReplayLog, RefusesALogThatCannotBe) {
  const LogEntry first = Entry(1, {{kA, RootState::kActive}});
  const std::vector<std::vector<LogEntry>> logs = {
      {},
      {Entry(1, {})},
      {Entry(2, {{kA, RootState::kActive}})},                                    // a gap
      {first, Entry(3, {{kA, RootState::kRetired}})},                            // a gap
      {first, Entry(2, {{kB, RootState::kActive}})},                             // two active
      {first, Entry(2, {{kA, RootState::kRetired}})},                            // none active
      {first, Entry(2, {{kB, RootState::kRetired}})},                            // unknown root
      {first, Entry(2, {{kA, RootState::kExpired}, {kB, RootState::kActive}})},  // a leap
      {first, Entry(2, {{kA, RootState::kActive}})},                             // no step
  };
  for (size_t i = 0; i < logs.size(); ++i) {
    EXPECT_TRUE(absl::IsDataLoss(ReplayLog(logs[i]).status())) << i;
  }
}

TEST(StoreNames, AreWhatTheFormatSays) {
  ChunkId chunk;
  chunk.bytes.fill(0xcd);
  const std::string root = "0a" + std::string(30, '0');
  const std::string id(64, 'x');
  EXPECT_EQ(LogEntryName(12), "log/0000000012");
  EXPECT_EQ(ChunkName(kA, chunk), "r/" + root + "/c/cd/" + chunk.ToHex());
  EXPECT_EQ(RecordName(kA, ManifestId{{1}}), "r/" + root + "/m/" + ManifestId{{1}}.ToHex());
  EXPECT_EQ(ConversionName(ConversionId{{1}}), "x/" + ConversionId{{1}}.ToHex());
  EXPECT_EQ(ChunkIdOfName(ChunkName(kA, chunk)), chunk);
  EXPECT_EQ(ChunkIdOfName("r/x/c/cc/" + chunk.ToHex()), std::nullopt);
  EXPECT_EQ(ChunkIdOfName(chunk.ToHex()), std::nullopt);
  EXPECT_EQ(ChunkIdOfName("c/" + chunk.ToHex()), std::nullopt);
  EXPECT_EQ(ManifestIdOfName("r/x/m/" + id), std::nullopt);
  EXPECT_EQ(ManifestIdOfName("abc"), std::nullopt);
}

TEST(StoreNames, EveryStateHasItsOwnName) {
  std::set<std::string> names;
  for (int state = 0; state < 5; ++state)
    names.insert(RootStateName(static_cast<RootState>(state)));
  EXPECT_EQ(names.size(), 5u);
}

}  // namespace
}  // namespace floe::store
