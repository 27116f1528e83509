// SPDX-License-Identifier: Apache-2.0
#include "keeper/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "keeper/client.h"

namespace floe::keeper {
namespace {

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_.emplace(*TempDir::Create());
    chmod(dir_->path().c_str(), 0755);
    socket_ = dir_->path() + "/keeper.sock";
    stop_ = UniqueFd(eventfd(0, EFD_CLOEXEC));
    auto server = Server::Listen({socket_, {}, 4});
    ASSERT_TRUE(server.ok()) << server.status();
    thread_ = std::thread(
        [this, s = std::make_shared<Server>(*std::move(server))] { ended_ = s->Run(stop_.get()); });
  }
  void TearDown() override {
    if (thread_.joinable()) {
      if (auto client = KeeperClient::Connect(socket_); client.ok()) (void)(*client)->Shutdown();
      thread_.join();
    }
  }
  std::unique_ptr<KeeperClient> Client() { return *KeeperClient::Connect(socket_); }
  void AskToStop() { ASSERT_EQ(eventfd_write(stop_.get(), 1), 0); }

  std::optional<TempDir> dir_;
  std::string socket_;
  UniqueFd stop_;
  std::thread thread_;
  absl::Status ended_;
};

TEST_F(ServerTest, SlotsOutliveTheirConnection) {
  const UniqueFd file(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(Client()->Put("image.a", Bytes{9}, {file.get()}).ok());
  const auto slot = Client()->Get("image.a");
  ASSERT_TRUE(slot.ok()) << slot.status();
  EXPECT_EQ(slot->blob, Bytes{9});
  ASSERT_EQ(slot->descriptors.size(), 1u);
  EXPECT_EQ(*FileSize(slot->descriptors[0].get()), *FileSize(file.get()));
  EXPECT_TRUE(absl::IsNotFound(Client()->Get("image.b").status()));
  EXPECT_TRUE(Client()->Hello().ok());
}

TEST_F(ServerTest, ListsAllPagesOfAPrefix) {
  const auto client = Client();
  for (int i = 0; i < 1100; ++i) {
    ASSERT_TRUE(client->Put(absl::StrCat("image.", i), {}).ok());
  }
  ASSERT_TRUE(client->Put("inode.next", Bytes(8)).ok());
  EXPECT_EQ(client->List("image.")->size(), 1100u);
  EXPECT_EQ(client->List()->size(), 1101u);
}

TEST_F(ServerTest, GarbageIsAnsweredAndHarmsNobody) {
  const auto good = Client();
  const UniqueFd bad = *ConnectUnix(socket_);
  ASSERT_TRUE(SendMessage(bad.get(), Bytes{200, 1, 2}).ok());
  const auto reply = ReceiveMessage(bad.get());
  ASSERT_TRUE(reply.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(DecodeReply(reply->bytes)->status));
  // Longer than any message: the connection ends.
  const std::string huge(kMaxMessageBytes + 1, 'x');
  ASSERT_GT(send(bad.get(), huge.data(), huge.size(), MSG_NOSIGNAL), 0) << errno;
  EXPECT_FALSE(ReceiveMessage(bad.get()).ok());
  EXPECT_TRUE(good->Put("a", {}).ok());
}

TEST_F(ServerTest, APeerThatNeverReadsIsDropped) {
  const UniqueFd lazy = *ConnectUnix(socket_);
  const auto good = Client();
  ASSERT_TRUE(good->Put("a", Bytes(kMaxSlotBlobBytes)).ok());
  const Bytes get = EncodeRequest({KeeperOp::kGet, 0, "a", {}});
  absl::Status sent;
  while (sent.ok()) sent = SendMessage(lazy.get(), get);
  EXPECT_TRUE(absl::IsUnavailable(sent)) << sent;
  EXPECT_TRUE(good->Get("a").ok());
}

TEST_F(ServerTest, FurtherConnectionsAreRefused) {
  std::vector<std::unique_ptr<KeeperClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(Client());
    ASSERT_TRUE(clients.back()->Hello().ok());
  }
  EXPECT_FALSE(Client()->Hello().ok());
  clients.pop_back();
  absl::Status status;
  do {
    status = Client()->Hello();  // until the keeper has seen the close
  } while (!status.ok());
}

TEST_F(ServerTest, AnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const pid_t child = fork();
  if (child == 0) {
    if (setresuid(12345, 12345, 12345) != 0) _exit(9);
    auto client = KeeperClient::Connect(socket_);
    _exit(client.ok() && (*client)->Hello().ok() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(ServerTest, SecondKeeperOnTheSamePathIsRefused) {
  EXPECT_TRUE(absl::IsAlreadyExists(Server::Listen({socket_, {}, 4}).status()));
}

TEST_F(ServerTest, StopEndsAKeeperWithoutFuse) {
  AskToStop();
  thread_.join();
  EXPECT_TRUE(ended_.ok());
  EXPECT_NE(access(socket_.c_str(), F_OK), 0);
}

TEST_F(ServerTest, StopWaitsForTheFuseDescriptor) {
  const UniqueFd fuse(open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!fuse) GTEST_SKIP() << "no /dev/fuse";
  const auto client = Client();
  ASSERT_TRUE(client->Put(kFuseDeviceSlot, {}, {fuse.get()}).ok());
  AskToStop();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client->Hello().ok());
  ASSERT_TRUE(client->Delete(kFuseDeviceSlot).ok());
  thread_.join();
  EXPECT_TRUE(ended_.ok());
}

TEST_F(ServerTest, ClientSaysThatTheKeeperIsGone) {
  const auto client = Client();
  ASSERT_TRUE(Client()->Shutdown().ok());
  thread_.join();
  EXPECT_TRUE(absl::IsUnavailable(client->Hello()));
  EXPECT_TRUE(absl::IsUnavailable(client->Hello()));
  EXPECT_TRUE(absl::IsUnavailable(KeeperClient::Connect(socket_).status()));
}

}  // namespace
}  // namespace floe::keeper
