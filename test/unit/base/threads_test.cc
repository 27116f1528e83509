// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>

#include "base/cancel.h"
#include "base/channel.h"
#include "base/clock.h"
#include "base/executor.h"

namespace floe {
namespace {

TEST(ChannelTest, DeliversInOrderAndEndsAfterClose) {
  Channel<int> channel(2);
  std::thread producer([&] {
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(channel.Send(i));
    channel.Close();
  });
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(channel.Receive(), i);
  EXPECT_EQ(channel.Receive(), std::nullopt);
  EXPECT_FALSE(channel.Send(1));
  producer.join();
}

TEST(ChannelTest, CloseWakesAWaitingProducer) {
  Channel<int> channel(1);
  ASSERT_TRUE(channel.Send(1));
  std::thread producer([&] { EXPECT_FALSE(channel.Send(2)); });
  channel.Close();
  producer.join();
  EXPECT_EQ(channel.Receive(), 1);
  EXPECT_EQ(channel.Receive(), std::nullopt);
}

TEST(ThreadPoolTest, RunsEverythingBeforeItGoes) {
  std::atomic<int> done{0};
  {
    ThreadPool pool("test", 3);
    for (int i = 0; i < 1000; ++i) pool.Run([&] { ++done; });
  }
  EXPECT_EQ(done, 1000);
}

TEST(ThreadPoolTest, RunsHereOnlyOnItsOwnThreads) {
  std::thread::id of_work, of_own, of_other;
  const std::thread::id caller = std::this_thread::get_id();
  std::thread::id from_outside;
  {
    ThreadPool other("other", 1);
    ThreadPool pool("test", 1);
    pool.Run([&] {
      of_work = std::this_thread::get_id();
      pool.RunHere([&] { of_own = std::this_thread::get_id(); });
      other.RunHere([&] { of_other = std::this_thread::get_id(); });
    });
    pool.RunHere([&] { from_outside = std::this_thread::get_id(); });
  }
  EXPECT_EQ(of_own, of_work);
  EXPECT_NE(of_other, of_work);
  EXPECT_EQ(from_outside, of_work);
  EXPECT_NE(from_outside, caller);
}

TEST(ManualExecutorTest, RunsOldestFirstAndWhatWorkAdds) {
  ManualExecutor executor;
  std::vector<int> order;
  executor.Run([&] {
    order.push_back(1);
    executor.Run([&] { order.push_back(3); });
  });
  executor.Run([&] { order.push_back(2); });
  EXPECT_TRUE(order.empty());
  executor.RunAll();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_FALSE(executor.RunOne());
}

TEST(CancelTest, TokensSeeTheirSource) {
  CancelSource source;
  const CancelToken token = source.token();
  EXPECT_FALSE(token.cancelled());
  source.Cancel();
  EXPECT_TRUE(token.cancelled());
  EXPECT_TRUE(source.token().cancelled());
  EXPECT_FALSE(CancelToken().cancelled());
}

TEST(FakeClockTest, MovesOnlyWhenTold) {
  FakeClock clock;
  const SteadyTime before = clock.Now();
  EXPECT_EQ(clock.Now(), before);
  clock.Advance(std::chrono::seconds(5));
  EXPECT_EQ(clock.Now() - before, std::chrono::seconds(5));
}

}  // namespace
}  // namespace floe
