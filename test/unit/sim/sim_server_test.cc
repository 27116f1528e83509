// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/sim_server.h"

#include <gtest/gtest.h>

#include <optional>

#include "bench/sim/constants.h"

namespace floe::sim {
namespace {

using cache::SetMode;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kId(64, 'a');

store::SealedBytes Value(uint8_t byte) { return std::make_shared<Bytes>(4, byte); }
std::string Key(int n) { return "f1." + kId + ".4.1." + std::to_string(n); }

class SimServerTest : public testing::Test {
 protected:
  std::shared_ptr<SimServer> Make(double memory = 1e9, double link = 0) {
    const ServerOptions options{memory, link, Quantiles({{0, 1e-3}, {1, 1e-3}}, 1)};
    return std::make_shared<SimServer>(loop_, "10.0.0.1:11211", options, Random(1));
  }
  SteadyTime In(Duration wait) { return loop_.Now() + wait; }

  absl::Status Set(SimServer& server, const std::string& key, SetMode mode = SetMode::kReplace,
                   seconds ttl = seconds(0), uint8_t byte = 1) {
    std::optional<absl::Status> result;
    server.Set(key, Value(byte), mode, ttl, In(seconds(1)), [&](absl::Status s) { result = s; });
    loop_.RunUntil(In(milliseconds(999)));
    return result.value_or(absl::InternalError("not answered"));
  }
  absl::StatusOr<store::SealedBytes> Get(SimServer& server, const std::string& key,
                                         Duration wait = milliseconds(5)) {
    std::optional<absl::StatusOr<store::SealedBytes>> result;
    server.Get(key, In(wait), [&](auto got) { result = std::move(got); });
    loop_.RunUntil(In(wait));
    if (!result) return absl::InternalError("not answered by its deadline");
    return *std::move(result);
  }

  Loop loop_;
};

TEST_F(SimServerTest, HoldsWhatIsSetAndCounts) {
  const auto server = Make();
  EXPECT_TRUE(absl::IsNotFound(Get(*server, Key(0)).status()));
  EXPECT_TRUE(Set(*server, Key(0)).ok());
  ASSERT_TRUE(Get(*server, Key(0)).ok());
  EXPECT_EQ(**Get(*server, Key(0)), Bytes(4, 1));
  EXPECT_TRUE(server->Holds(Key(0)));
  EXPECT_FALSE(server->Holds(Key(1)));
  EXPECT_EQ(server->counts().gets, 3u);
  EXPECT_EQ(server->counts().hits, 2u);
  EXPECT_EQ(server->counts().sets, 1u);
}

TEST_F(SimServerTest, ShardsCountAsTheirShareOfAChunkOthersAsTheyAre) {
  EXPECT_EQ(SimServer::DeclaredBytes(Key(0), 20), kChunkBytes / 4);
  EXPECT_EQ(SimServer::DeclaredBytes("f1." + kId + ".1.0.0", 20), kChunkBytes);
  EXPECT_EQ(SimServer::DeclaredBytes("f1." + kId + ".lease", 20), 20);
}

TEST_F(SimServerTest, AddLosesAgainstWhatIsThereUntilItExpires) {
  const auto server = Make();
  EXPECT_TRUE(Set(*server, "lease", SetMode::kAdd, seconds(2)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Set(*server, "lease", SetMode::kAdd, seconds(2), 2)));
  EXPECT_EQ(**Get(*server, "lease"), Bytes(4, 1));
  loop_.RunUntil(In(seconds(2)));
  EXPECT_TRUE(absl::IsNotFound(Get(*server, "lease").status()));
  EXPECT_TRUE(Set(*server, "lease", SetMode::kAdd, seconds(2), 2).ok());
}

TEST_F(SimServerTest, TheLeastRecentlyUsedGoesFirst) {
  const auto server = Make(3.5 * (kChunkBytes / 4 + 200));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Set(*server, Key(i)).ok());
  EXPECT_TRUE(Get(*server, Key(0)).ok());
  EXPECT_TRUE(Set(*server, Key(3)).ok());
  EXPECT_TRUE(server->Holds(Key(0)));
  EXPECT_FALSE(server->Holds(Key(1)));
  EXPECT_EQ(server->counts().evictions, 1u);
  EXPECT_LE(server->used_bytes(), 3.5 * (kChunkBytes / 4 + 200));
}

TEST_F(SimServerTest, TransfersQueueForTheLink) {
  const auto server = Make(1e9, kChunkBytes / 4 * 1000);  // a shard a millisecond
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Set(*server, Key(i)).ok());
  std::vector<Duration> answered;
  const SteadyTime begun = loop_.Now();
  for (int i = 0; i < 3; ++i) {
    server->Get(Key(i), In(seconds(1)), [&](auto got) {
      EXPECT_TRUE(got.ok());
      answered.push_back(loop_.Now() - begun);
    });
  }
  loop_.RunToEnd();
  ASSERT_EQ(answered.size(), 3u);  // 1, 2, 3 ms of transfer and 1 ms of service
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(Seconds(answered[static_cast<size_t>(i)]), (2 + i) * 1e-3, 2e-5);
  }
}

TEST_F(SimServerTest, WhatIsLateIsAnsweredAtTheDeadline) {
  const auto server = Make();
  EXPECT_TRUE(Set(*server, Key(0)).ok());
  server->SetSlowness(10);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Get(*server, Key(0), milliseconds(9)).status()));
  EXPECT_TRUE(Get(*server, Key(0), milliseconds(11)).ok());
}

TEST_F(SimServerTest, ADeadServerRefusesAtOnceABlackHoleAtTheDeadline) {
  const auto server = Make();
  EXPECT_TRUE(Set(*server, Key(0)).ok());
  server->SetState(ServerState::kDown);
  EXPECT_TRUE(absl::IsUnavailable(Get(*server, Key(0), milliseconds(1)).status()));
  EXPECT_TRUE(absl::IsUnavailable(Set(*server, Key(0))));
  server->SetState(ServerState::kBlackHole);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Get(*server, Key(0)).status()));
  server->SetState(ServerState::kUp);
  EXPECT_TRUE(Get(*server, Key(0)).ok());  // a network failure loses nothing
}

TEST_F(SimServerTest, ReplacingResetsWhatIsUnderWayAndLosesEverything) {
  const auto server = Make();
  EXPECT_TRUE(Set(*server, Key(0)).ok());
  std::optional<absl::Status> status;
  server->Get(Key(0), In(seconds(1)), [&](auto got) { status = got.status(); });
  server->Replace();
  loop_.RunToEnd();
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(absl::IsUnavailable(*status));
  EXPECT_TRUE(absl::IsNotFound(Get(*server, Key(0)).status()));
  EXPECT_EQ(server->used_bytes(), 0);
}

TEST_F(SimServerTest, AStandByHasWhatWasThereWhenItCopied) {
  const auto server = Make();
  EXPECT_TRUE(Set(*server, Key(0)).ok());
  loop_.RunUntil(In(seconds(10)));
  const SteadyTime synced = loop_.Now();
  loop_.RunUntil(In(seconds(10)));
  EXPECT_TRUE(Set(*server, Key(1)).ok());
  server->Replace(synced);
  EXPECT_TRUE(server->Holds(Key(0)));
  EXPECT_FALSE(server->Holds(Key(1)));
}

TEST_F(SimServerTest, MadeServersShareTheMemoryAndHaveNamesOfTheirOwn) {
  const SimServers servers =
      MakeServers(loop_, 300, 3e9, {0, 0, Quantiles({{0, 1e-3}}, 1)}, Random(1));
  ASSERT_EQ(servers.size(), 300u);
  EXPECT_EQ(servers[0]->Name(), "10.0.0.1:11211");
  EXPECT_EQ(servers[299]->Name(), "10.0.1.50:11211");
}

}  // namespace
}  // namespace floe::sim
