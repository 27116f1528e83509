// SPDX-License-Identifier: Apache-2.0
#include "cache/guarded_server.h"

#include <vector>

#include "gtest/gtest.h"
#include "test/unit/cache/fake_shard_server.h"

namespace floe::cache {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class GuardedServerTest : public testing::Test {
 protected:
  absl::Status Get(milliseconds time = seconds(1)) {
    // Shared: an answer that the test lets come later must still find it.
    const auto status = std::make_shared<absl::Status>(absl::UnknownError("not answered"));
    guarded_->Get("k", timer_.Now() + time,
                  [status](const absl::StatusOr<store::SealedBytes>& r) { *status = r.status(); });
    return *status;
  }
  void BeginGet() {
    guarded_->Get("k", timer_.Now() + seconds(1),
                  [this](const absl::StatusOr<store::SealedBytes>&) { ++answered_; });
  }
  bool BeginSet() {
    const auto refused = std::make_shared<bool>(false);
    guarded_->Set("k", std::make_shared<Bytes>(1), SetMode::kReplace, seconds(0),
                  timer_.Now() + seconds(1), [this, refused](const absl::Status& status) {
                    *refused = absl::IsUnavailable(status);
                    ++answered_;
                  });
    return !*refused;
  }
  double Failures(const std::string& reason) {
    return metrics_
        .GetCounter("floe_cache_server_failures_total", "", {{"server", "s"}, {"reason", reason}})
        .value();
  }
  double Open() {
    return metrics_.GetGauge("floe_cache_server_open", "", {{"server", "s"}}).value();
  }

  ManualTimer timer_;
  Metrics metrics_;
  size_t answered_ = 0;
  std::vector<std::string> back_;
  std::shared_ptr<FakeShardServer> fake_ = std::make_shared<FakeShardServer>("s", timer_);
  std::shared_ptr<GuardedServer> guarded_ = std::make_shared<GuardedServer>(
      fake_, 8, BreakerOptions{3, milliseconds(100), milliseconds(200)}, 1, timer_, &metrics_,
      [this](const GuardedServer& server) { back_.push_back(server.name()); });
};

TEST_F(GuardedServerTest, ReadersMayUseAllPlacesFillsHalfOfThem) {
  fake_->SetDelay(milliseconds(10));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(BeginSet());
  EXPECT_EQ(answered_, 0u);
  BeginSet();
  EXPECT_EQ(answered_, 1u) << "refused at once";
  for (int i = 0; i < 4; ++i) BeginGet();
  EXPECT_EQ(answered_, 1u);
  EXPECT_TRUE(absl::IsUnavailable(Get()));
  EXPECT_EQ(Failures("full"), 2);
  timer_.Advance(milliseconds(10));
  EXPECT_EQ(answered_, 9u);
  EXPECT_FALSE(guarded_->open()) << "a full queue is no failure of the server";
}

TEST_F(GuardedServerTest, CountsFailuresByReasonAndLeavesTheServerAlone) {
  fake_->SetSilent(true);
  BeginGet();
  timer_.Advance(seconds(1));
  EXPECT_EQ(Failures("timeout"), 1);
  fake_->SetSilent(false);
  fake_->SetDown(true);
  EXPECT_TRUE(absl::IsUnavailable(Get()));
  EXPECT_TRUE(absl::IsUnavailable(Get()));
  EXPECT_EQ(Failures("unavailable"), 2);
  EXPECT_TRUE(guarded_->open());
  EXPECT_EQ(Open(), 1);
  const size_t asked = fake_->gets();
  EXPECT_TRUE(absl::IsUnavailable(Get()));
  EXPECT_EQ(fake_->gets(), asked);
  EXPECT_EQ(Failures("skipped"), 1);
}

TEST_F(GuardedServerTest, TellsWhenTheServerIsBack) {
  fake_->SetDown(true);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(Get().ok());
  fake_->SetDown(false);
  timer_.Advance(milliseconds(100));
  EXPECT_TRUE(absl::IsNotFound(Get())) << "a miss is an answer";
  EXPECT_EQ(back_, std::vector<std::string>{"s"});
  EXPECT_EQ(Open(), 0);
  EXPECT_FALSE(guarded_->open());
}

TEST_F(GuardedServerTest, AnAddThatFindsTheItemIsAnAnswer) {
  for (int i = 0; i < 10; ++i) {
    guarded_->Set("k", std::make_shared<Bytes>(1), SetMode::kAdd, seconds(0),
                  timer_.Now() + seconds(1), [](const absl::Status&) {});
  }
  EXPECT_FALSE(guarded_->open());
}

}  // namespace
}  // namespace floe::cache
