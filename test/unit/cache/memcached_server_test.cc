// SPDX-License-Identifier: Apache-2.0
#include "cache/memcached_server.h"

#include <future>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/blocking.h"
#include "test/unit/cache/real_memcached.h"
#include "test/unit/cache/scripted_server.h"

namespace floe::cache {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using store::SealedBytes;
using Peer = ScriptedServer::Peer;

SealedBytes Value(size_t size, char fill = 'v') {
  return std::make_shared<Bytes>(size, static_cast<uint8_t>(fill));
}

class MemcachedServerTest : public testing::Test {
 protected:
  void Connect(const net::SocketAddress& address, const MemcachedOptions& options = {}) {
    server_ = std::make_unique<MemcachedServer>("s1", address, options, *loop_);
  }
  SteadyTime In(milliseconds time) { return loop_->Now() + time; }
  absl::StatusOr<SealedBytes> Get(const std::string& key, milliseconds time = seconds(60)) {
    using Answer = absl::StatusOr<SealedBytes>;
    return store::WaitFor<Answer>(
        [&](std::function<void(Answer)> done) { server_->Get(key, In(time), std::move(done)); });
  }
  absl::Status Set(const std::string& key, SealedBytes value, SetMode mode = SetMode::kReplace,
                   milliseconds time = seconds(60)) {
    return store::WaitFor<absl::Status>([&](std::function<void(absl::Status)> done) {
      server_->Set(key, std::move(value), mode, seconds(0), In(time), std::move(done));
    });
  }
  // Asks until the server answers again, as a breaker's probes do.
  absl::Status GetAtLast(const std::string& key) {
    while (true) {
      const absl::Status status = Get(key).status();
      if (!absl::IsUnavailable(status)) return status;
    }
  }

  std::unique_ptr<net::EventLoop> loop_ = *net::EventLoop::Create("test-loop");
  std::unique_ptr<MemcachedServer> server_;
};

TEST_F(MemcachedServerTest, SetsAddsAndGets) {
  RealMemcached memcached;
  Connect(memcached.address());
  EXPECT_TRUE(absl::IsNotFound(Get("k").status()));
  EXPECT_TRUE(Set("k", Value(100, 'a')).ok());
  EXPECT_EQ(*(*Get("k")), *Value(100, 'a'));
  EXPECT_TRUE(absl::IsAlreadyExists(Set("k", Value(3, 'b'), SetMode::kAdd)));
  EXPECT_TRUE(Set("other", Value(3, 'b'), SetMode::kAdd).ok());
  EXPECT_TRUE(Set("k", Value(70'000, 'c')).ok());
  EXPECT_EQ(*(*Get("k")), *Value(70'000, 'c'));
  EXPECT_TRUE(Set("empty", Value(0)).ok());
  EXPECT_TRUE((*Get("empty"))->empty());
  EXPECT_EQ(server_->Name(), "s1");
}

TEST_F(MemcachedServerTest, PipelinesManyRequestsOfAllSizes) {
  RealMemcached memcached;
  Connect(memcached.address());
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(Set(absl::StrCat("k", i), Value(static_cast<size_t>(i) * 5000, 'x')).ok());
  }
  std::vector<std::future<absl::StatusOr<SealedBytes>>> answers;
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 60; ++i) {
      auto promise = std::make_shared<std::promise<absl::StatusOr<SealedBytes>>>();
      answers.push_back(promise->get_future());
      server_->Get(absl::StrCat("k", i), In(seconds(60)),
                   [promise](absl::StatusOr<SealedBytes> r) { promise->set_value(std::move(r)); });
    }
  }
  for (size_t n = 0; n < answers.size(); ++n) {
    const auto answer = answers[n].get();
    const size_t i = n % 60;
    if (i >= 50) {
      EXPECT_TRUE(absl::IsNotFound(answer.status()));
    } else {
      ASSERT_TRUE(answer.ok()) << answer.status();
      EXPECT_EQ((*answer)->size(), i * 5000);
    }
  }
}

TEST_F(MemcachedServerTest, LearnsTheItemLimitAndSaysWhatDoesNotFit) {
  RealMemcached memcached({"-I", "2m"});
  Connect(memcached.address());
  EXPECT_EQ(server_->MaxValueBytes(), (size_t{1} << 20) - 512);
  ASSERT_TRUE(absl::IsNotFound(Get("k").status()));
  ASSERT_TRUE(absl::IsNotFound(Get("k").status()));
  EXPECT_EQ(server_->MaxValueBytes(), (size_t{2} << 20) - 512);
  EXPECT_TRUE(Set("k", Value(server_->MaxValueBytes())).ok()) << "what it says fits must fit";
  EXPECT_EQ((*Get("k"))->size(), server_->MaxValueBytes());
  const absl::Status status = Set("k", Value(3 << 20));
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_NE(status.message().find("-I"), std::string::npos) << status;
  EXPECT_TRUE(Set("k", Value(10)).ok()) << "the connection goes on";
}

TEST_F(MemcachedServerTest, NobodyThereIsUnavailableAtOnceAndTriedAgain) {
  auto memcached = std::make_unique<RealMemcached>();
  Connect(memcached->address());
  ASSERT_TRUE(Set("k", Value(5)).ok());
  memcached->Kill();
  absl::Status status = Get("k").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(status.message().find("cache server s1"), std::string::npos) << status;
  memcached->Start();
  EXPECT_TRUE(absl::IsNotFound(GetAtLast("k")));
}

TEST_F(MemcachedServerTest, AStoppedServerAnswersNothingInTimeAndLateAnswersAreDrained) {
  RealMemcached memcached;
  Connect(memcached.address());
  ASSERT_TRUE(Set("a", Value(200'000, 'a')).ok());
  ASSERT_TRUE(Set("b", Value(10, 'b')).ok());
  memcached.Stop();
  EXPECT_TRUE(absl::IsDeadlineExceeded(Get("a", milliseconds(5)).status()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(Get("a", milliseconds(5)).status()));
  memcached.Continue();
  EXPECT_EQ(*(*Get("b")), *Value(10, 'b')) << "not the late answer to another question";
  EXPECT_EQ(*(*Get("b")), *Value(10, 'b'));
}

TEST_F(MemcachedServerTest, AConnectionThatStallsIsGivenUp) {
  ScriptedServer silent([](Peer& peer) { peer.WaitForEnd(); });
  MemcachedOptions options;
  options.connections = 1;
  options.stall = milliseconds(20);
  Connect(silent.address(), options);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Get("a", milliseconds(5)).status()));
  // Waits longer than the stall: ended with the connection, not at its own deadline.
  const absl::Status status = Get("b").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST_F(MemcachedServerTest, OneByteAtATimeIsTooSlowAndHarmsNothing) {
  ScriptedServer drip([](Peer& peer) {
    peer.Line();
    peer.Say("VA 100\r\nx");
    peer.WaitForEnd();
  });
  MemcachedOptions options;
  options.stall = milliseconds(20);
  Connect(drip.address(), options);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Get("a", milliseconds(5)).status()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(Get("a", milliseconds(5)).status()));
}

TEST_F(MemcachedServerTest, AResetInTheMiddleFailsAllThatWaitThere) {
  ScriptedServer half([](Peer& peer) {
    peer.Line();
    peer.Say("VA 100\r\nhalf of it");
    peer.ResetOnClose();
  });
  Connect(half.address());
  const absl::Status status = Get("a").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST_F(MemcachedServerTest, WhatIsNoMemcachedIsRefusedWithAReason) {
  for (const char* answer : {"HTTP/1.1 400 Bad Request\r\n\r\n", "ERROR\r\n", "HD\r\n", "END\r\n",
                             "CLIENT_ERROR bad data chunk\r\n", "VA 99999999999\r\n"}) {
    ScriptedServer other([answer](Peer& peer) {
      peer.Line();
      peer.Say(answer);
      peer.WaitForEnd();
    });
    Connect(other.address());
    const absl::Status status = Get("a").status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << answer << ": " << status;
    server_.reset();
  }
}

TEST_F(MemcachedServerTest, AProxyThatDoesNotKnowSettingsWorks) {
  ScriptedServer proxy([](Peer& peer) {
    for (std::string line = peer.Line(); !line.empty(); line = peer.Line()) {
      peer.Say(line == "stats settings" ? "ERROR\r\n" : "VA 2\r\nhi\r\n");
    }
  });
  Connect(proxy.address());
  EXPECT_EQ(AsText(*(*Get("a"))), "hi");
  EXPECT_EQ(AsText(*(*Get("a"))), "hi");
  EXPECT_EQ(server_->MaxValueBytes(), (size_t{1} << 20) - 512);
}

TEST_F(MemcachedServerTest, AServerErrorIsAnAnswerToOneRequest) {
  ScriptedServer busy([](Peer& peer) {
    for (std::string line = peer.Line(); !line.empty(); line = peer.Line()) {
      if (line == "stats settings") {
        peer.Say("END\r\n");
      } else {
        peer.Say(line == "mg a v" ? "SERVER_ERROR busy\r\n" : "VA 2\r\nhi\r\n");
      }
    }
  });
  MemcachedOptions options;
  options.connections = 1;
  Connect(busy.address(), options);
  EXPECT_TRUE(absl::IsUnavailable(Get("a").status()));
  EXPECT_EQ(AsText(*(*Get("b"))), "hi");
  EXPECT_EQ(busy.accepted(), 1);
}

TEST_F(MemcachedServerTest, TooMuchUnderWayIsRefusedAtOnce) {
  ScriptedServer silent([](Peer& peer) { peer.WaitForEnd(); });
  MemcachedOptions options;
  options.max_outstanding = 3;
  options.max_pending_bytes = 1000;
  Connect(silent.address(), options);
  std::vector<std::future<void>> answers;
  for (int i = 0; i < 2; ++i) {
    auto promise = std::make_shared<std::promise<void>>();
    answers.push_back(promise->get_future());
    server_->Set("k", Value(1001), SetMode::kReplace, seconds(0), In(seconds(600)),
                 [promise](const absl::Status& status) {
                   EXPECT_TRUE(absl::IsUnavailable(status)) << status;
                   promise->set_value();
                 });
  }
  answers[1].wait();
  EXPECT_EQ(answers[0].wait_for(seconds(0)), std::future_status::timeout) << "one is within limits";
  const auto ignore = [](const absl::StatusOr<SealedBytes>&) {};
  server_->Get("k", In(seconds(600)), ignore);
  server_->Get("k", In(seconds(600)), ignore);
  const absl::Status status = Get("k").status();
  EXPECT_NE(status.message().find("too much"), std::string::npos) << status;
  server_.reset();
  answers[0].wait();
}

TEST_F(MemcachedServerTest, TheDestructorAnswersWhatIsUnderWay) {
  ScriptedServer silent([](Peer& peer) { peer.WaitForEnd(); });
  Connect(silent.address());
  std::atomic<int> answered{0};
  for (int i = 0; i < 20; ++i) {
    server_->Get("k", kNoDeadline, [&](const absl::StatusOr<SealedBytes>& result) {
      EXPECT_TRUE(absl::IsUnavailable(result.status()));
      ++answered;
    });
  }
  server_.reset();
  EXPECT_EQ(answered, 20);
}

TEST_F(MemcachedServerTest, MayGoOnTheLoopsOwnThread) {
  RealMemcached memcached;
  auto server =
      std::make_shared<MemcachedServer>("s1", memcached.address(), MemcachedOptions{}, *loop_);
  std::promise<void> answered;
  MemcachedServer& raw = *server;
  raw.Get("k", In(seconds(60)),
          [&answered, server = std::move(server)](const absl::StatusOr<SealedBytes>&) mutable {
            server.reset();
            answered.set_value();
          });
  answered.get_future().wait();
  // What it posted on its way out has run when the loop is gone.
  loop_.reset();
}

}  // namespace
}  // namespace floe::cache
