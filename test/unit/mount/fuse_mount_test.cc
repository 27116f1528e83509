// SPDX-License-Identifier: Apache-2.0
#include "mount/fuse_mount.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/file.h"
#include "test/unit/mount/tiny_server.h"

namespace floe::mount {
namespace {

bool Listed(uint32_t number) {
  const auto connections = ListFuseConnections().value();
  return std::any_of(connections.begin(), connections.end(),
                     [number](const auto& entry) { return entry.number == number; });
}

TEST(FuseMountTest, IsInNobodysTree) {
  const auto fuse = CreateFuseMount();
  ASSERT_TRUE(fuse.ok()) << fuse.status();
  EXPECT_EQ(fuse->id.size(), 32U);
  const auto number = FuseConnectionNumber(fuse->mount.get());
  ASSERT_TRUE(number.ok()) << number.status();
  EXPECT_TRUE(Listed(*number));
  const Bytes mounts = ReadWholeFile("/proc/self/mountinfo", 1 << 20).value();
  EXPECT_EQ(AsText(mounts).find("fuse.floe"), absl::string_view::npos);
}

TEST(FuseMountTest, EachHasItsOwnName) {
  EXPECT_NE(CreateFuseMount().value().id, CreateFuseMount().value().id);
}

TEST(FuseMountTest, AbortFreesAReaderWithoutAnswer) {
  testing::TinyServer server;
  server.AddProbeImage("a1", 2);
  const auto file = OpenFileAt(server.mount(), "a1", O_RDONLY);
  ASSERT_TRUE(file.ok()) << file.status();
  server.Hold(true);
  absl::Status read;
  std::thread reader([&] {
    Bytes data(4096);
    read = ReadFullAt(file->get(), data, 0);
  });
  server.WaitForHeldRead();
  const uint32_t number = FuseConnectionNumber(server.mount()).value();
  EXPECT_TRUE(AbortFuseConnection(number).ok());
  reader.join();
  EXPECT_FALSE(read.ok());
  EXPECT_FALSE(OpenFileAt(server.mount(), "a1", O_RDONLY).ok());
}

TEST(FuseMountTest, WaitingRequestsAreCounted) {
  const auto fuse = CreateFuseMount().value();
  const uint32_t number = FuseConnectionNumber(fuse.mount.get()).value();
  const auto connections = ListFuseConnections();
  ASSERT_TRUE(connections.ok()) << connections.status();
  for (const FuseConnection& connection : *connections) {
    if (connection.number == number) {
      EXPECT_EQ(connection.waiting, 1U);  // INIT
    }
  }
}

TEST(FuseMountTest, AbortOfNoConnectionSaysSo) {
  EXPECT_EQ(AbortFuseConnection(999999).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace floe::mount
