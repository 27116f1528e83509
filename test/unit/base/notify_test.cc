// SPDX-License-Identifier: Apache-2.0
#include "base/notify.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/unique_fd.h"

namespace floe {
namespace {

class NotifyTest : public ::testing::Test {
 protected:
  void TearDown() override { unsetenv("NOTIFY_SOCKET"); }
};

TEST_F(NotifyTest, NobodyToTellIsFine) {
  unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(NotifyServiceManager("READY=1").ok());
  setenv("NOTIFY_SOCKET", "", 1);
  EXPECT_TRUE(NotifyServiceManager("READY=1").ok());
}

TEST_F(NotifyTest, StateArrives) {
  const TempDir temp = TempDir::Create().value();
  const std::string path = temp.path() + "/notify";
  const UniqueFd manager(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(bind(manager.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address),
            0);
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  ASSERT_TRUE(NotifyServiceManager("READY=1").ok());
  char text[32] = {};
  ASSERT_GT(recv(manager.get(), text, sizeof text - 1, 0), 0);
  EXPECT_STREQ(text, "READY=1");
}

TEST_F(NotifyTest, DeadManagerIsNamed) {
  setenv("NOTIFY_SOCKET", "/no/such/socket", 1);
  const absl::Status told = NotifyServiceManager("READY=1");
  EXPECT_NE(told.message().find("/no/such/socket"), std::string::npos) << told;
  setenv("NOTIFY_SOCKET", std::string(200, 'x').c_str(), 1);
  EXPECT_EQ(NotifyServiceManager("READY=1").code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace floe
