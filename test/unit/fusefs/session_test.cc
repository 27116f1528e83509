// SPDX-License-Identifier: Apache-2.0
#include "fusefs/fuse/session.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "base/channel.h"
#include "test/unit/fusefs/fuse_wire.h"

namespace floe::fusefs {
namespace {

class SessionTest : public ::testing::Test {
 protected:
  void Start(size_t threads = 2) {
    SessionOptions options;
    options.threads = threads;
    options.on_end = [this] { ends_.Send(1); };
    auto session = Session::Start(kernel_.TakeDevice(), options,
                                  [this](const FuseRequest& request, std::shared_ptr<Call> call) {
                                    EXPECT_EQ(request.body.size() + sizeof(fuse_in_header),
                                              request.whole.size());
                                    calls_.Send({request.opcode, std::move(call)});
                                  });
    ASSERT_TRUE(session.ok()) << session.status();
    session_ = *std::move(session);
  }
  struct Taken {
    uint32_t opcode;
    std::shared_ptr<Call> call;
  };
  std::shared_ptr<Call> NextCall() { return calls_.Receive()->call; }

  FakeKernel kernel_;
  Channel<Taken> calls_{1000};
  Channel<int> ends_{10};
  std::unique_ptr<Session> session_;
};

TEST_F(SessionTest, RepliesCarryTheirRequestsNumber) {
  Start();
  kernel_.Send(FUSE_GETATTR, 10, 1);
  const auto call = NextCall();
  const Bytes first = {1, 2};
  const Bytes second = {3};
  const struct iovec parts[] = {{const_cast<uint8_t*>(first.data()), 2},
                                {const_cast<uint8_t*>(second.data()), 1}};
  EXPECT_TRUE(call->Data(parts));
  const FakeReply reply = kernel_.Receive();
  EXPECT_EQ(reply.unique, 10u);
  EXPECT_EQ(reply.error, 0);
  EXPECT_EQ(reply.body, (Bytes{1, 2, 3}));
}

TEST_F(SessionTest, TheFirstAnswerCounts) {
  Start();
  kernel_.Send(FUSE_GETATTR, 10, 1);
  const auto call = NextCall();
  EXPECT_TRUE(call->Error(EIO));
  EXPECT_FALSE(call->Ok());
  EXPECT_TRUE(call->answered());
  EXPECT_EQ(kernel_.Receive().error, EIO);
  EXPECT_TRUE(kernel_.Silent());
}

TEST_F(SessionTest, AnInterruptIsAnsweredAtOnceWhateverTheWorkStillDoes) {
  Start(1);
  kernel_.Send(FUSE_READ, 20, 2);
  const auto call = NextCall();
  kernel_.SendStruct(FUSE_INTERRUPT, 21, 0, fuse_interrupt_in{20});
  const FakeReply reply = kernel_.Receive();
  EXPECT_EQ(reply.unique, 20u);
  EXPECT_EQ(reply.error, EINTR);
  EXPECT_FALSE(call->Ok());  // late
  EXPECT_TRUE(kernel_.Silent());
}

// A predecessor took the request and died: nobody else will ever answer it.
TEST_F(SessionTest, AnInterruptedRequestThatOnlyAPredecessorKnowsIsAnswered) {
  Start(1);
  kernel_.SendStruct(FUSE_INTERRUPT, 21, 0, fuse_interrupt_in{20});
  const FakeReply reply = kernel_.Receive();
  EXPECT_EQ(reply.unique, 20u);
  EXPECT_EQ(reply.error, EINTR);
  EXPECT_TRUE(kernel_.Silent());
}

TEST_F(SessionTest, AfterStopNobodyHearsAnything) {
  Start();
  kernel_.Send(FUSE_READ, 20, 2);
  const auto call = NextCall();
  session_->Stop();
  EXPECT_FALSE(call->Error(EIO));
  EXPECT_TRUE(kernel_.Silent());
  session_.reset();
  const auto other = call;  // calls outlive the session
  EXPECT_FALSE(other->Ok());
}

TEST_F(SessionTest, TheEndOfTheConnectionIsTold) {
  Start(3);
  kernel_.Close();
  EXPECT_TRUE(ends_.Receive().has_value());
  session_.reset();
}

TEST_F(SessionTest, GarbageIsIgnored) {
  Start(1);
  kernel_.SendStruct(FUSE_INTERRUPT, 5, 0, uint16_t{1});  // too short for what it says it is
  kernel_.Send(FUSE_GETATTR, 10, 1);
  EXPECT_EQ(NextCall()->unique(), 10u);
  EXPECT_TRUE(kernel_.Silent());
}

TEST_F(SessionTest, ManyRequestsAndAnswersFromOtherThreads) {
  Start(3);
  std::thread answerer([this] {
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(NextCall()->Ok());
  });
  std::set<uint64_t> answered;
  for (uint64_t round = 0; round < 50; ++round) {
    // A socket, unlike /dev/fuse, holds only so many answers.
    for (uint64_t i = 0; i < 10; ++i) kernel_.Send(FUSE_GETATTR, 20 * round + 2 * i + 2, 1);
    for (int i = 0; i < 10; ++i) answered.insert(kernel_.Receive().unique);
  }
  answerer.join();
  EXPECT_EQ(answered.size(), 500u);
}

TEST(ResendTest, IsANotificationOfTheKernelsNumber) {
  FakeKernel kernel;
  const UniqueFd device = kernel.TakeDevice();
  ASSERT_TRUE(ResendRequests(device.get()).ok());
  const FakeReply reply = kernel.Receive();
  EXPECT_EQ(reply.unique, 0u);
  EXPECT_EQ(-reply.error, 7);
}

TEST(ResendTest, SaysSoWhenItCannot) {
  const UniqueFd nowhere(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(ResendRequests(nowhere.get()).ok());
}

}  // namespace
}  // namespace floe::fusefs
