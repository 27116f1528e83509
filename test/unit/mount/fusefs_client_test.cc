// SPDX-License-Identifier: Apache-2.0
#include "mount/fusefs_client.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <functional>
#include <thread>

#include "base/file.h"
#include "base/unix_socket.h"
#include "mount/wait_socket.h"
#include "proto/control.pb.h"
#include "test/unit/mount/tiny_server.h"

namespace floe::mount {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::In;

// Answers one connection after the other with what the test prepared.
class Door {
 public:
  // nullopt: hang up instead.
  using Handler = std::function<std::optional<control::Reply>(const control::Request& request,
                                                              const Message& message)>;

  explicit Door(const std::string& path) : listener_(ListenUnix(path, 0600).value()) {}
  void Serve(int connections, const Handler& handler, int descriptor = -1) {
    thread_ = std::thread([=, this] {
      for (int i = 0; i < connections; ++i) {
        const UniqueFd socket = AcceptUnix(listener_.get()).value();
        const auto message = ReceiveMessage(socket.get());
        if (!message.ok()) continue;
        control::Request request;
        request.ParseFromArray(message->bytes.data(), static_cast<int>(message->bytes.size()));
        const auto reply = handler(request, *message);
        if (!reply) continue;
        const std::string bytes = reply->SerializeAsString();
        std::vector<int> files;
        if (descriptor >= 0) files.push_back(descriptor);
        (void)SendMessage(socket.get(), AsBytes(bytes), files);
      }
    });
  }
  ~Door() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  UniqueFd listener_;
  std::thread thread_;
};

control::Reply Ok() {
  control::Reply reply;
  reply.set_code(0);
  return reply;
}

class FusefsClientTest : public ::testing::Test {
 protected:
  TempDir temp_ = TempDir::Create().value();
  const std::string path_ = temp_.path() + "/fusefs.sock";
  const FusefsClient client_{path_};
  const UniqueFd file_ = OpenFile("/dev/null", O_RDONLY).value();
};

TEST_F(FusefsClientTest, OpenBringsManifestNameAndDeadline) {
  Door door(path_);
  door.Serve(1, [](const control::Request& request, const Message& message) {
    EXPECT_EQ(request.open_image().name(), "0a");
    EXPECT_EQ(request.open_image().label(), "image");
    EXPECT_GT(request.open_image().deadline_ms(), 0U);
    EXPECT_LE(request.open_image().deadline_ms(), 20000U);
    EXPECT_EQ(message.descriptors.size(), 1U);
    control::Reply reply = Ok();
    reply.mutable_image_opened()->set_inode(7);
    reply.mutable_image_opened()->set_size_bytes(4096);
    reply.mutable_image_opened()->set_manifest_id("ab");
    reply.mutable_image_opened()->set_chunks(3);
    return reply;
  });
  const auto opened = client_.OpenImage("0a", file_.get(), "image", In(seconds(20)));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->inode, 7U);
  EXPECT_EQ(opened->size_bytes, 4096U);
  EXPECT_EQ(opened->manifest_id, "ab");
  EXPECT_EQ(opened->chunks, 3U);
}

TEST_F(FusefsClientTest, OpenMayBeRefusedOnlyWhenItSaysSo) {
  Door door(path_);
  int asked = 0;
  door.Serve(2, [&asked](const control::Request& request, const Message&) {
    EXPECT_EQ(request.open_image().may_refuse(), asked++ == 1);
    return Ok();
  });
  EXPECT_TRUE(client_.OpenImage("0a", file_.get(), "", In(seconds(20))).ok());
  EXPECT_TRUE(client_.OpenImage("0a", file_.get(), "", In(seconds(20)), MayRefuse::kYes).ok());
}

TEST_F(FusefsClientTest, ErrorsAreTheDaemonsVerbatim) {
  Door door(path_);
  door.Serve(2, [](const control::Request&, const Message&) {
    control::Reply reply;
    reply.set_code(static_cast<uint32_t>(absl::StatusCode::kFailedPrecondition));
    reply.set_message("signed by a stranger");
    return reply;
  });
  const absl::Status expected = absl::FailedPreconditionError("signed by a stranger");
  EXPECT_EQ(client_.OpenImage("0a", file_.get(), "", In(seconds(20))).status(), expected);
  EXPECT_EQ(client_.CheckManifest(file_.get(), In(seconds(20))), expected);
}

TEST_F(FusefsClientTest, ListGivesEveryField) {
  Door door(path_);
  door.Serve(1, [](const control::Request& request, const Message&) {
    EXPECT_TRUE(request.has_list_images());
    control::Reply reply = Ok();
    control::ImageInfo* info = reply.mutable_image_list()->add_images();
    info->set_name("0a");
    info->set_manifest_id("ab");
    info->set_inode(2);
    info->set_size_bytes(5);
    info->set_open_count(1);
    info->set_closing(true);
    info->set_local_bytes(3);
    info->set_sealed_bytes(4);
    return reply;
  });
  const auto images = client_.ListImages(In(seconds(20)));
  ASSERT_TRUE(images.ok()) << images.status();
  ASSERT_EQ(images->size(), 1U);
  const FusefsClient::Image& image = images->front();
  EXPECT_EQ(image.name + image.manifest_id, "0aab");
  EXPECT_EQ(image.inode, 2U);
  EXPECT_EQ(image.size_bytes, 5U);
  EXPECT_EQ(image.open_count, 1U);
  EXPECT_TRUE(image.closing);
  EXPECT_EQ(image.local_bytes, 3U);
  EXPECT_EQ(image.sealed_bytes, 4U);
}

TEST_F(FusefsClientTest, MetricsComeInAFile) {
  const UniqueFd text(memfd_create("metrics", MFD_CLOEXEC));
  ASSERT_TRUE(WriteFull(text.get(), AsBytes("floe_up 1\n")).ok());
  Door door(path_);
  door.Serve(
      1, [](const control::Request&, const Message&) { return Ok(); }, text.get());
  EXPECT_EQ(client_.Metrics(In(seconds(20))).value(), "floe_up 1\n");
}

TEST_F(FusefsClientTest, MetricsWithoutAFileAreAnError) {
  Door door(path_);
  door.Serve(1, [](const control::Request&, const Message&) { return Ok(); });
  EXPECT_EQ(client_.Metrics(In(seconds(20))).status().code(), absl::StatusCode::kInternal);
}

TEST_F(FusefsClientTest, ADaemonThatEndsInTheMiddleIsAskedAgain) {
  Door door(path_);
  int calls = 0;
  door.Serve(3, [&calls](const control::Request&, const Message&) {
    return ++calls < 3 ? std::nullopt : std::optional<control::Reply>(Ok());
  });
  EXPECT_TRUE(client_.CloseImage("0a", In(seconds(20))).ok());
}

TEST_F(FusefsClientTest, ButNotForEver) {
  Door door(path_);
  door.Serve(3, [](const control::Request&, const Message&) { return std::nullopt; });
  const absl::Status closed = client_.CloseImage("0a", In(seconds(20)));
  EXPECT_EQ(closed.code(), absl::StatusCode::kUnavailable) << closed;
  EXPECT_NE(closed.message().find("floe-fusefs"), std::string::npos) << closed;
}

TEST_F(FusefsClientTest, WaitsForADaemonThatComesBack) {
  std::unique_ptr<Door> door;
  std::thread starting([&] {
    door = std::make_unique<Door>(path_);
    door->Serve(1, [](const control::Request&, const Message&) { return Ok(); });
  });
  EXPECT_TRUE(client_.CloseImage("0a", In(seconds(60))).ok());
  starting.join();
}

TEST_F(FusefsClientTest, NobodyThereIsSaidAtTheDeadline) {
  const absl::Status closed = client_.CloseImage("0a", In(milliseconds(30)));
  EXPECT_EQ(closed.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(closed.message().find("did not come back in time"), std::string::npos) << closed;
  EXPECT_EQ(client_.Ping(In(seconds(60))).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(FusefsClientTest, SilenceEndsAtTheDeadline) {
  const UniqueFd listener = ListenUnix(path_, 0600).value();  // accepts nothing
  EXPECT_EQ(client_.CloseImage("0a", In(milliseconds(30))).code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(ConnectWhenServedTest, InterruptEndsTheWait) {
  const TempDir temp = TempDir::Create().value();
  const UniqueFd event(eventfd(1, EFD_CLOEXEC));
  EXPECT_EQ(ConnectWhenServed(temp.path() + "/none", {event.get()}, kNoDeadline).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(ConnectWhenServedTest, StaleSocketFileIsWaitedFor) {
  const TempDir temp = TempDir::Create().value();
  const std::string path = temp.path() + "/socket";
  ListenUnix(path, 0600).value().Reset();  // the name stays, nobody listens
  UniqueFd listener;
  std::thread starting([&] { listener = ListenUnix(path, 0600).value(); });
  EXPECT_TRUE(ConnectWhenServed(path, {}, In(seconds(60))).ok());
  starting.join();
}

TEST(ConnectWhenServedTest, MissingDirectoryIsNamed) {
  const auto socket = ConnectWhenServed("/no/such/directory/socket", {}, kNoDeadline);
  EXPECT_NE(socket.status().message().find("/no/such/directory"), std::string::npos)
      << socket.status();
}

}  // namespace
}  // namespace floe::mount
