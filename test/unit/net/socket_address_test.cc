// SPDX-License-Identifier: Apache-2.0
#include "net/socket_address.h"

#include <poll.h>

#include "base/file.h"
#include "base/unix_socket.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace floe::net {
namespace {

TEST(SocketAddressTest, WritesWhatItParses) {
  for (const char* text : {"10.0.0.5:11211", "127.0.0.1:1", "[fd00::5]:11211", "[::1]:65535",
                           "unix:/run/cache.sock"}) {
    auto address = SocketAddress::Parse(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), text);
    EXPECT_EQ(*address, *SocketAddress::Parse(text));
  }
  EXPECT_TRUE(SocketAddress::Parse("unix:/x")->is_unix());
}

TEST(SocketAddressTest, RefusesEverythingElse) {
  for (const char* text : {"", "10.0.0.5", "10.0.0.5:", "10.0.0.5:0", "10.0.0.5:65536", ":11211",
                           "fd00::5:11211", "cache.local:11211", "10.0.0.5:+1", "10.0.0.5: 1",
                           "10.0.0:1", "unix:", "10.0.0.5:123456"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(SocketAddress::Parse(text).status())) << text;
  }
  EXPECT_TRUE(
      absl::IsInvalidArgument(SocketAddress::Parse("unix:/" + std::string(200, 'x')).status()));
}

TEST(SocketAddressTest, SplitsHostAndPort) {
  EXPECT_EQ(*SplitHostPort("cache.local:11211"),
            std::pair(std::string("cache.local"), uint16_t{11211}));
  EXPECT_EQ(*SplitHostPort("[::1]:7"), std::pair(std::string("::1"), uint16_t{7}));
  EXPECT_NE(SplitHostPort("::1:7").status().message().find("brackets"), std::string::npos);
}

TEST(SocketAddressTest, ResolvesNumbersAndTheLocalHost) {
  EXPECT_EQ((*ResolveHost("10.1.2.3", 5)).front().ToString(), "10.1.2.3:5");
  EXPECT_EQ((*ResolveHost("::1", 5)).front().ToString(), "[::1]:5");
  auto local = ResolveHost("localhost", 5);
  ASSERT_TRUE(local.ok()) << local.status();
  std::vector<std::string> texts;
  for (const auto& address : *local) texts.push_back(address.ToString());
  EXPECT_THAT(texts, testing::Contains("127.0.0.1:5"));
}

TEST(SocketAddressTest, NamesThatAreNoneAreErrors) {
  EXPECT_FALSE(ResolveHost("no such host", 5).ok());
  EXPECT_FALSE(ResolveHost("cache.invalid", 5).ok());
}

TEST(SocketAddressTest, ConnectsWithoutWaiting) {
  auto folder = TempDir::Create();
  ASSERT_TRUE(folder.ok());
  const std::string path = folder->path() + "/s";
  EXPECT_TRUE(absl::IsUnavailable(BeginConnect(*SocketAddress::Parse("unix:" + path)).status()));
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const UniqueFd owner(listener);
  const SocketAddress address = *SocketAddress::Parse("unix:" + path);
  ASSERT_EQ(bind(listener, address.address(), address.length()), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  auto fd = BeginConnect(address);
  ASSERT_TRUE(fd.ok()) << fd.status();
  pollfd ready{fd->get(), POLLOUT, 0};
  EXPECT_EQ(poll(&ready, 1, -1), 1);
}

}  // namespace
}  // namespace floe::net
