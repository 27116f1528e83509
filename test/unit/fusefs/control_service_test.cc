// SPDX-License-Identifier: Apache-2.0
#include "fusefs/daemon/control_service.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "proto/control.pb.h"
#include "test/unit/fusefs/node_fixture.h"

namespace floe::fusefs {
namespace {

class ControlServiceTest : public NodeFixture {
 protected:
  ControlServiceTest() {
    table_ = MakeTable();
    manifest_ = Publish("one", {2, 3});
    chmod(dir_.path().c_str(), 0755);
    service_ = std::make_unique<ControlService>(
        *ListenUnix(Path(), 0666), *table_, metrics_,
        [this](const store::ChunkRefs& chunks) { return tiers_->LocalBytes(chunks); },
        [this](UniqueFd keeper) { return table_->MoveTo(std::move(keeper)); },
        ControlOptions{54321, 8, 4});
  }
  ~ControlServiceTest() override { service_.reset(); }
  std::string Path() const { return dir_.path() + "/control.sock"; }

  control::Reply Ask(const control::Request& request, const std::vector<int>& descriptors = {}) {
    const UniqueFd socket = *ConnectUnix(Path());
    return AskOn(socket.get(), request.SerializeAsString(), descriptors);
  }
  control::Reply AskOn(int socket, const std::string& bytes, const std::vector<int>& descriptors) {
    EXPECT_TRUE(SendMessage(socket, AsBytes(bytes), descriptors).ok());
    auto message = ReceiveMessage(socket, Soon());
    EXPECT_TRUE(message.ok()) << message.status();
    control::Reply reply;
    if (!message.ok()) return reply;
    EXPECT_FALSE(message->bytes.empty());
    EXPECT_TRUE(
        reply.ParseFromArray(message->bytes.data(), static_cast<int>(message->bytes.size())));
    EXPECT_TRUE(reply.has_code());
    beside_ = std::move(message->descriptors);
    return reply;
  }
  control::Reply OpenImage(const std::string& name) {
    control::Request request;
    request.mutable_open_image()->set_name(name);
    request.mutable_open_image()->set_label("shop:1");
    const UniqueFd fd = Fd(manifest_);
    return Ask(request, {fd.get()});
  }

  std::string manifest_;
  std::unique_ptr<ControlService> service_;
  std::vector<UniqueFd> beside_;
};

TEST_F(ControlServiceTest, OpensListsAndCloses) {
  const control::Reply opened = OpenImage("0a");
  ASSERT_EQ(opened.code(), 0u) << opened.message();
  EXPECT_EQ(opened.image_opened().size_bytes(), 5 * store::kBlockBytes);
  EXPECT_EQ(opened.image_opened().chunks(), 2u);
  control::Request list;
  list.mutable_list_images();
  const control::Reply listed = Ask(list);
  ASSERT_EQ(listed.image_list().images_size(), 1);
  EXPECT_EQ(listed.image_list().images(0).inode(), opened.image_opened().inode());
  EXPECT_GT(listed.image_list().images(0).sealed_bytes(), 0u);
  control::Request close;
  close.mutable_close_image()->set_name("0a");
  EXPECT_EQ(Ask(close).code(), 0u);
  EXPECT_EQ(Ask(close).code(), static_cast<uint32_t>(absl::StatusCode::kNotFound));
}

TEST_F(ControlServiceTest, ANewContainerHearsWhyItIsRefused) {
  admission_ = absl::UnavailableError("the origin cannot keep up");
  control::Request request;
  request.mutable_open_image()->set_name("0a");
  request.mutable_open_image()->set_may_refuse(true);
  const UniqueFd fd = Fd(manifest_);
  const control::Reply refused = Ask(request, {fd.get()});
  EXPECT_EQ(refused.code(), static_cast<uint32_t>(absl::StatusCode::kUnavailable));
  EXPECT_EQ(refused.message(), "the origin cannot keep up");
  EXPECT_EQ(OpenImage("0a").code(), 0u);
}

TEST_F(ControlServiceTest, ErrorsCarryCodeAndText) {
  const control::Reply refused = OpenImage("no/name");
  EXPECT_EQ(refused.code(), static_cast<uint32_t>(absl::StatusCode::kInvalidArgument));
  EXPECT_NE(refused.message().find("no/name"), std::string::npos);
  control::Request without;
  without.mutable_open_image()->set_name("0a");
  EXPECT_EQ(Ask(without).code(), static_cast<uint32_t>(absl::StatusCode::kInvalidArgument));
  control::Request check;
  check.mutable_check_manifest();
  const UniqueFd good = Fd(manifest_);
  EXPECT_EQ(Ask(check, {good.get()}).code(), 0u);
  const UniqueFd bad = Fd("/etc/passwd");
  EXPECT_EQ(Ask(check, {bad.get()}).code(),
            static_cast<uint32_t>(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ControlServiceTest, PingAndMetrics) {
  control::Request ping;
  ping.mutable_ping();
  EXPECT_EQ(Ask(ping).pong().pid(), static_cast<uint32_t>(getpid()));
  control::Request metrics;
  metrics.mutable_metrics();
  EXPECT_EQ(Ask(metrics).code(), 0u);
  ASSERT_EQ(beside_.size(), 1u);
  const auto text = ReadWholeFd(beside_[0].get(), 1 << 20);
  ASSERT_TRUE(text.ok());
  EXPECT_NE(AsText(*text).find("floe_tier_hits_total"), absl::string_view::npos);
}

TEST_F(ControlServiceTest, APingIsAnsweredWhileEveryThreadIsBusy) {
  Mutex mutex;
  CondVar changed;
  bool busy = false, go_on = false;
  service_ = nullptr;
  service_ = std::make_unique<ControlService>(
      *ListenUnix(Path(), 0666), *table_, metrics_,
      [this](const store::ChunkRefs& chunks) { return tiers_->LocalBytes(chunks); },
      [&](UniqueFd) {
        MutexLock lock(mutex);
        busy = true;
        changed.NotifyAll();
        while (!go_on) changed.Wait(mutex);
        return absl::OkStatus();
      },
      ControlOptions{54321, 8, 1});
  control::Request use_keeper;
  use_keeper.mutable_use_keeper();
  const UniqueFd socket = *ConnectUnix(Path());
  const UniqueFd some = Fd(manifest_);
  ASSERT_TRUE(
      SendMessage(socket.get(), AsBytes(use_keeper.SerializeAsString()), {some.get()}).ok());
  {
    MutexLock lock(mutex);
    while (!busy) changed.Wait(mutex);
  }
  control::Request ping;
  ping.mutable_ping();
  EXPECT_EQ(Ask(ping).pong().pid(), static_cast<uint32_t>(getpid()));
  {
    MutexLock lock(mutex);
    go_on = true;
    changed.NotifyAll();
  }
  EXPECT_TRUE(ReceiveMessage(socket.get(), Soon()).ok());
  service_ = nullptr;
}

TEST_F(ControlServiceTest, SeveralRequestsOnOneConnection) {
  const UniqueFd socket = *ConnectUnix(Path());
  control::Request ping;
  ping.mutable_ping();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(AskOn(socket.get(), ping.SerializeAsString(), {}).code(), 0u);
  }
}

TEST_F(ControlServiceTest, GarbageAndUnknownRequestsAreAnswered) {
  const UniqueFd socket = *ConnectUnix(Path());
  EXPECT_EQ(AskOn(socket.get(), "\xff\xff\xff", {}).code(),
            static_cast<uint32_t>(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(AskOn(socket.get(), std::string("\xd2\x0f\x00", 3), {}).code(),  // field 250
            static_cast<uint32_t>(absl::StatusCode::kUnimplemented));
}

TEST_F(ControlServiceTest, OtherUsersAreRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  for (const auto& [uid, code] : {std::pair(12345u, 7), std::pair(54321u, 0)}) {
    const pid_t child = fork();
    if (child == 0) {
      if (setresuid(uid, uid, uid) != 0) _exit(99);
      control::Request ping;
      ping.mutable_ping();
      const auto socket = ConnectUnix(Path());
      if (!socket.ok()) _exit(98);
      (void)SendMessage(socket->get(), AsBytes(ping.SerializeAsString()));
      const auto message = ReceiveMessage(socket->get(), Soon());
      control::Reply reply;
      if (!message.ok() ||
          !reply.ParseFromArray(message->bytes.data(), static_cast<int>(message->bytes.size()))) {
        _exit(97);
      }
      _exit(static_cast<int>(reply.code()));
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    // The door may be shut before the refusal was read.
    EXPECT_TRUE(WEXITSTATUS(status) == code || (code != 0 && WEXITSTATUS(status) == 97))
        << WEXITSTATUS(status);
  }
}

TEST_F(ControlServiceTest, FurtherConnectionsAreRefused) {
  std::vector<UniqueFd> sockets;
  control::Request ping;
  ping.mutable_ping();
  for (int i = 0; i < 8; ++i) {
    sockets.push_back(*ConnectUnix(Path()));
    EXPECT_EQ(AskOn(sockets.back().get(), ping.SerializeAsString(), {}).code(), 0u);
  }
  const UniqueFd further = *ConnectUnix(Path());
  const auto message = ReceiveMessage(further.get(), Soon());
  control::Reply reply;
  ASSERT_TRUE(message.ok());
  reply.ParseFromArray(message->bytes.data(), static_cast<int>(message->bytes.size()));
  EXPECT_EQ(reply.code(), static_cast<uint32_t>(absl::StatusCode::kPermissionDenied));
}

}  // namespace
}  // namespace floe::fusefs
