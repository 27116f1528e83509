// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace floe::cli {
namespace {

using converter::Stage;

TEST(ProgressDisplayTest, BarShowsShareRateAndTimeLeft) {
  FakeClock clock;
  std::ostringstream out;
  {
    ProgressDisplay display(ProgressStyle::kBar, out, clock);
    display.Update({Stage::kRead, "linux/amd64", 0, 100'000'000});
    clock.Advance(std::chrono::seconds(1));
    display.Update({Stage::kRead, "linux/amd64", 25'000'000, 100'000'000});
  }
  EXPECT_EQ(out.str(),
            "\r\x1b[Kread  linux/amd64  25 % [======>                 ] 25.0 MB of 100 MB, "
            "25.0 MB/s, 3s left\n");
}

TEST(ProgressDisplayTest, BarIsNotDrawnMoreOftenThanEyesSee) {
  FakeClock clock;
  std::ostringstream out;
  ProgressDisplay display(ProgressStyle::kBar, out, clock);
  for (uint64_t i = 0; i < 1000; ++i) {
    clock.Advance(std::chrono::milliseconds(1));
    display.Update({Stage::kStore, "p", i, 1000});
  }
  const std::string text = out.str();
  const auto drawn = std::count(text.begin(), text.end(), '\r');
  EXPECT_GE(drawn, 8);
  EXPECT_LE(drawn, 11);
}

TEST(ProgressDisplayTest, EveryStageEndsComplete) {
  FakeClock clock;
  std::ostringstream out;
  ProgressDisplay display(ProgressStyle::kBar, out, clock);
  clock.Advance(std::chrono::seconds(1));
  display.Update({Stage::kRead, "p", 10, 10});
  display.Update({Stage::kStore, "p", 20, 20});
  display.Finish();
  const std::string text = out.str();
  EXPECT_NE(text.find("read  p 100 % [========================] 10 B of 10 B"), std::string::npos);
  EXPECT_NE(text.find("store p 100 %"), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(ProgressDisplayTest, ALogGetsPlainLinesNowAndThen) {
  FakeClock clock;
  std::ostringstream out;
  ProgressDisplay display(ProgressStyle::kLines, out, clock);
  for (uint64_t second = 0; second <= 25; ++second) {
    display.Update({Stage::kStore, "p", second, 25});
    clock.Advance(std::chrono::seconds(1));
  }
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);  // at 10 s, 20 s, and the end
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(ProgressDisplayTest, UpdatesFromThePastAreDropped) {
  FakeClock clock;
  std::ostringstream out;
  ProgressDisplay display(ProgressStyle::kLines, out, clock);
  display.Update({Stage::kStore, "p", 0, 100});
  clock.Advance(std::chrono::seconds(11));
  display.Update({Stage::kStore, "p", 50, 100});
  clock.Advance(std::chrono::seconds(11));
  display.Update({Stage::kStore, "p", 40, 100});
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST(ProgressDisplayTest, NoneIsSilentAndNothingIsWhole) {
  FakeClock clock;
  std::ostringstream out;
  ProgressDisplay none(ProgressStyle::kNone, out, clock);
  none.Update({Stage::kRead, "p", 1, 1});
  EXPECT_EQ(out.str(), "");
  ProgressDisplay bar(ProgressStyle::kBar, out, clock);
  bar.Update({Stage::kRead, "p", 0, 0});  // an image without layers: no division
  EXPECT_EQ(out.str().find("nan"), std::string::npos);
}

}  // namespace
}  // namespace floe::cli
