// SPDX-License-Identifier: Apache-2.0
#include "net/event_loop.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <atomic>
#include <future>
#include <vector>

#include "gtest/gtest.h"

namespace floe::net {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::unique_ptr<EventLoop> MakeLoop() {
  auto loop = EventLoop::Create("test-loop");
  EXPECT_TRUE(loop.ok()) << loop.status();
  return *std::move(loop);
}

// Runs `work` on the loop and waits for it.
void OnLoop(EventLoop& loop, const std::function<void()>& work) {
  std::promise<void> done;
  loop.Post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

TEST(EventLoopTest, RunsWhatIsPostedInOrderOnItsThread) {
  const auto loop = MakeLoop();
  std::vector<int> order;
  EXPECT_FALSE(loop->InLoop());
  for (int i = 0; i < 100; ++i) {
    loop->Post([&, i] {
      EXPECT_TRUE(loop->InLoop());
      order.push_back(i);
    });
  }
  OnLoop(*loop, [] {});
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

TEST(EventLoopTest, PostedWorkNeverRunsInsideThePost) {
  const auto loop = MakeLoop();
  bool inner = false;
  OnLoop(*loop, [&] {
    loop->Post([&] { inner = true; });
    EXPECT_FALSE(inner);
  });
  OnLoop(*loop, [&] { EXPECT_TRUE(inner); });
}

TEST(EventLoopTest, TimersRunInTheOrderOfTimeAndCanBeCancelled) {
  const auto loop = MakeLoop();
  std::vector<int> order;
  std::promise<void> done;
  Timer::Id cancelled = 0;
  OnLoop(*loop, [&] {
    const SteadyTime now = loop->Now();
    loop->RunAt(now + milliseconds(4), [&] {
      order.push_back(3);
      done.set_value();
    });
    loop->RunAt(now + milliseconds(2), [&] { order.push_back(2); });
    loop->RunAt(now - seconds(1), [&] { order.push_back(1); });
    cancelled = loop->RunAt(now + milliseconds(1), [] { FAIL() << "cancelled"; });
    EXPECT_TRUE(loop->Cancel(cancelled));
    loop->RunAt(kNoDeadline, [] { FAIL(); });
    loop->RunAt(now + hours(1), [] { FAIL(); });
  });
  done.get_future().wait();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_FALSE(loop->Cancel(cancelled));
  EXPECT_FALSE(loop->Cancel(0));
}

TEST(EventLoopTest, AnEarlierTimerFromAnotherThreadWakesIt) {
  const auto loop = MakeLoop();
  loop->RunAt(loop->Now() + hours(1), [] { FAIL(); });
  std::promise<void> done;
  const SteadyTime when = loop->Now() + milliseconds(3);
  loop->RunAt(when, [&] { done.set_value(); });
  done.get_future().wait();
  EXPECT_GE(loop->Now(), when);
}

TEST(EventLoopTest, TellsWhatIsReadyUntilItIsUnwatched) {
  const auto loop = MakeLoop();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  std::promise<uint32_t> writable;
  std::promise<char> read_byte;
  OnLoop(*loop, [&] {
    const absl::Status watched =
        loop->Watch(ours.get(), EPOLLIN | EPOLLOUT, [&, first = true](uint32_t events) mutable {
          if (first) {
            first = false;
            writable.set_value(events);
            loop->ChangeEvents(ours.get(), EPOLLIN);
            return;
          }
          char byte = 0;
          EXPECT_EQ(read(ours.get(), &byte, 1), 1);
          loop->Unwatch(ours.get());
          read_byte.set_value(byte);
        });
    EXPECT_TRUE(watched.ok()) << watched;
  });
  EXPECT_EQ(writable.get_future().get(), static_cast<uint32_t>(EPOLLOUT));
  ASSERT_EQ(write(theirs.get(), "xy", 2), 2);
  EXPECT_EQ(read_byte.get_future().get(), 'x');
  OnLoop(*loop, [] {});  // the second byte is nobody's
}

TEST(EventLoopTest, AnEventOfTheSameRoundForWhatIsGoneIsDropped) {
  const auto loop = MakeLoop();
  int a[2];
  int b[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a), 0);
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b), 0);
  const UniqueFd owners[4] = {UniqueFd(a[0]), UniqueFd(a[1]), UniqueFd(b[0]), UniqueFd(b[1])};
  ASSERT_EQ(write(a[1], "x", 1), 1);
  ASSERT_EQ(write(b[1], "x", 1), 1);
  std::atomic<int> calls{0};
  std::promise<void> called;
  OnLoop(*loop, [&] {
    // Both are ready in the same round; who comes first ends both.
    const auto end_both = [&](uint32_t) {
      loop->Unwatch(a[0]);
      loop->Unwatch(b[0]);
      if (++calls == 1) called.set_value();
    };
    ASSERT_TRUE(loop->Watch(a[0], EPOLLIN, end_both).ok());
    ASSERT_TRUE(loop->Watch(b[0], EPOLLIN, end_both).ok());
  });
  called.get_future().wait();
  OnLoop(*loop, [] {});
  EXPECT_EQ(calls, 1);
}

TEST(EventLoopTest, TheEndRunsWhatWasPostedAndDropsWhatIsNotDue) {
  auto loop = MakeLoop();
  std::atomic<int> ran{0};
  for (int i = 0; i < 10; ++i) loop->Post([&] { ++ran; });
  loop->RunAt(loop->Now() + hours(1), [&] { ran = 1000; });
  loop.reset();
  EXPECT_EQ(ran, 10);
}

TEST(EventLoopTest, ManyThreadsMayUseIt) {
  const auto loop = MakeLoop();
  std::atomic<int> ran{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) {
        loop->Post([&] { ++ran; });
        const Timer::Id id = loop->RunAt(loop->Now() + hours(1), [] {});
        EXPECT_TRUE(loop->Cancel(id));
        loop->RunAt(loop->Now(), [&] { ++ran; });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::promise<void> last;
  loop->RunAt(loop->Now(), [&] { last.set_value(); });
  last.get_future().wait();
  OnLoop(*loop, [] {});
  EXPECT_EQ(ran, 2000);
}

}  // namespace
}  // namespace floe::net
