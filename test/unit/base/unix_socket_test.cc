// SPDX-License-Identifier: Apache-2.0
#include "base/unix_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"

namespace floe {
namespace {

TEST(UnixSocketTest, MessageCarriesDescriptors) {
  auto pair = UnixPair();
  ASSERT_TRUE(pair.ok());
  const auto null = OpenFile("/dev/null", O_RDONLY);
  ASSERT_TRUE(null.ok());
  ASSERT_TRUE(SendMessage(pair->first.get(), AsBytes("hello"), {null->get()}).ok());
  const auto message = ReceiveMessage(pair->second.get());
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(AsText(message->bytes), "hello");
  ASSERT_EQ(message->descriptors.size(), 1u);
  struct stat st;
  ASSERT_EQ(fstat(message->descriptors[0].get(), &st), 0);
  EXPECT_TRUE(S_ISCHR(st.st_mode));
}

TEST(UnixSocketTest, ClosedPeerIsUnavailable) {
  auto pair = UnixPair();
  ASSERT_TRUE(pair.ok());
  pair->first.Reset();
  EXPECT_EQ(ReceiveMessage(pair->second.get()).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(SendMessage(pair->second.get(), AsBytes("x")).code(), absl::StatusCode::kUnavailable);
}

TEST(UnixSocketTest, SilenceEndsAtTheDeadline) {
  auto pair = UnixPair();
  ASSERT_TRUE(pair.ok());
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
  EXPECT_EQ(ReceiveMessage(pair->first.get(), soon).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(UnixSocketTest, OneServerAPathAndStaleSocketsAreReplaced) {
  auto dir = TempDir::Create();
  ASSERT_TRUE(dir.ok());
  const std::string path = dir->path() + "/s";
  EXPECT_EQ(ConnectUnix(path).status().code(), absl::StatusCode::kUnavailable);
  {
    const auto listener = ListenUnix(path, 0600);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ(ListenUnix(path, 0600).status().code(), absl::StatusCode::kAlreadyExists);
    struct stat st;
    ASSERT_EQ(stat(path.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600u);
  }
  EXPECT_TRUE(ListenUnix(path, 0600).ok());
}

TEST(UnixSocketTest, PeerIsKnown) {
  auto pair = UnixPair();
  ASSERT_TRUE(pair.ok());
  const auto peer = PeerOf(pair->first.get());
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->pid, getpid());
  EXPECT_EQ(peer->uid, getuid());
}

TEST(UnixSocketTest, TooLongMessagesAndPathsAreRefused) {
  auto pair = UnixPair();
  ASSERT_TRUE(pair.ok());
  EXPECT_EQ(SendMessage(pair->first.get(), Bytes(kMaxMessageBytes + 1)).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ConnectUnix(std::string(200, 'x')).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(UnixSocketTest, ConnectAtOnceDoesNotWaitForAListenerThatIsBehind) {
  const TempDir dir = *TempDir::Create();
  const std::string path = dir.path() + "/sock";
  EXPECT_TRUE(absl::IsUnavailable(ConnectUnixAtOnce(path).status()));
  const UniqueFd listener = *ListenUnix(path, 0600);
  ASSERT_EQ(listen(listener.get(), 1), 0);  // a shorter queue
  std::vector<UniqueFd> queued;
  absl::StatusOr<UniqueFd> next = ConnectUnixAtOnce(path);
  while (next.ok()) {
    queued.push_back(*std::move(next));
    next = ConnectUnixAtOnce(path);
  }
  EXPECT_TRUE(absl::IsResourceExhausted(next.status())) << next.status();
  EXPECT_GE(queued.size(), 1U);
}

}  // namespace
}  // namespace floe
