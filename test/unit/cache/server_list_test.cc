// SPDX-License-Identifier: Apache-2.0
#include "cache/server_list.h"

#include <algorithm>
#include <atomic>
#include <future>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/cache/fake_shard_server.h"

namespace floe::cache {
namespace {

using net::SocketAddress;
using testing::ElementsAre;

// Lists on a slow clock: only Look() looks, after the first look of the list's own thread.
class ServerListTest : public testing::Test {
 protected:
  void Make(ServerListOptions options) {
    options.refresh = std::chrono::hours(10);
    std::promise<void> first;
    list_ = std::make_unique<ServerList>(
        options,
        [this](const std::string& name, const SocketAddress& address) {
          made_.push_back(absl::StrCat(name, "@", address.ToString()));
          return std::make_shared<FakeShardServer>(name, timer_);
        },
        [this](std::vector<std::shared_ptr<ShardServer>> servers) {
          ++changes_;
          servers_ = std::move(servers);
        },
        &metrics_.GetCounter("failures", ""),
        [this](const std::string& host,
               uint16_t port) -> absl::StatusOr<std::vector<SocketAddress>> {
          MutexLock lock(mutex_);
          const auto found = hosts_.find(host);
          if (found == hosts_.end()) return absl::NotFoundError("no such name");
          std::vector<SocketAddress> addresses;
          for (const std::string& ip : found->second) {
            addresses.push_back(*SocketAddress::Parse(absl::StrCat(ip, ":", port)));
          }
          return addresses;
        });
    // Whatever the list's own thread does at its start is over or repeated by this.
    list_->Look().IgnoreError();
    list_->Look().IgnoreError();
  }
  void SetHost(const std::string& host, std::vector<std::string> ips) {
    MutexLock lock(mutex_);
    hosts_[host] = std::move(ips);
  }
  void ForgetHost(const std::string& host) {
    MutexLock lock(mutex_);
    hosts_.erase(host);
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& server : servers_) names.push_back(server->Name());
    return names;
  }
  void TearDown() override { list_.reset(); }

  ManualTimer timer_;
  Metrics metrics_;
  Mutex mutex_;
  std::map<std::string, std::vector<std::string>> hosts_ FLOE_GUARDED_BY(mutex_);
  std::vector<std::string> made_;
  std::vector<std::shared_ptr<ShardServer>> servers_;
  int changes_ = 0;
  std::unique_ptr<ServerList> list_;
};

TEST_F(ServerListTest, TakesAListAsItIsWritten) {
  SetHost("cache-a", {"10.0.0.7"});
  ServerListOptions options;
  options.servers = {"10.0.0.2:11211", "cache-a:11211", "unix:/run/c.sock"};
  Make(options);
  EXPECT_THAT(Names(), ElementsAre("10.0.0.2:11211", "cache-a:11211", "unix:/run/c.sock"));
  EXPECT_EQ(changes_, 1) << "nothing changed since";
  EXPECT_THAT(made_, testing::Contains("cache-a:11211@10.0.0.7:11211"));
}

TEST_F(ServerListTest, ANameThatMovesIsANewServerInTheSamePlace) {
  SetHost("a", {"10.0.0.1"});
  SetHost("b", {"10.0.0.2"});
  ServerListOptions options;
  options.servers = {"a:1", "b:1"};
  Make(options);
  const auto before = servers_;
  SetHost("b", {"10.0.0.9"});
  ASSERT_TRUE(list_->Look().ok());
  EXPECT_THAT(Names(), ElementsAre("a:1", "b:1"));
  EXPECT_EQ(servers_[0], before[0]) << "kept with its connections and breaker";
  EXPECT_NE(servers_[1], before[1]);
  EXPECT_EQ(made_.back(), "b:1@10.0.0.9:1");
}

TEST_F(ServerListTest, ANameThatDoesNotResolveKeepsItsPlace) {
  SetHost("a", {"10.0.0.1"});
  ServerListOptions options;
  options.servers = {"a:1", "b:1"};
  Make(options);
  EXPECT_THAT(Names(), ElementsAre("a:1", "b:1"));
  absl::Status got;
  servers_[1]->Get("k", kNoDeadline,
                   [&](const absl::StatusOr<store::SealedBytes>& r) { got = r.status(); });
  EXPECT_TRUE(absl::IsUnavailable(got)) << got;
  servers_[1]->Set("k", nullptr, SetMode::kAdd, std::chrono::seconds(0), kNoDeadline,
                   [&](const absl::Status& status) { got = status; });
  EXPECT_TRUE(absl::IsUnavailable(got)) << got;
  SetHost("b", {"10.0.0.2"});
  ASSERT_TRUE(list_->Look().ok());
  EXPECT_EQ(made_.back(), "b:1@10.0.0.2:1");
  ForgetHost("b");
  ASSERT_TRUE(list_->Look().ok());
  EXPECT_EQ(changes_, 2) << "the last address stays";
}

TEST_F(ServerListTest, FollowsADnsName) {
  SetHost("cache.local", {"10.0.0.2", "10.0.0.1"});
  ServerListOptions options;
  options.dns = "cache.local:11211";
  Make(options);
  EXPECT_THAT(Names(), ElementsAre("10.0.0.1:11211", "10.0.0.2:11211"));
  SetHost("cache.local", {"10.0.0.2", "10.0.0.3"});
  ASSERT_TRUE(list_->Look().ok());
  EXPECT_THAT(Names(), ElementsAre("10.0.0.2:11211", "10.0.0.3:11211"));
}

TEST_F(ServerListTest, ALostNameServiceLeavesTheListAsItWas) {
  SetHost("cache.local", {"10.0.0.1"});
  ServerListOptions options;
  options.dns = "cache.local:11211";
  Make(options);
  ForgetHost("cache.local");
  EXPECT_FALSE(list_->Look().ok());
  SetHost("cache.local", {});
  EXPECT_FALSE(list_->Look().ok()) << "an empty answer is no list";
  EXPECT_THAT(Names(), ElementsAre("10.0.0.1:11211"));
  // The list's own thread may have looked too.
  EXPECT_GE(metrics_.GetCounter("failures", "").value(), 2);
}

TEST_F(ServerListTest, FollowsAFile) {
  auto folder = TempDir::Create();
  ASSERT_TRUE(folder.ok());
  const std::string path = folder->path() + "/servers";
  const auto write = [&](absl::string_view text) {
    ASSERT_TRUE(WriteFileAtomically(path, AsBytes(text), 0644, Replace::kYes, Durable::kNo).ok());
  };
  write("# ours\n10.0.0.1:11211\n\n  10.0.0.2:11211  \r\n");
  ServerListOptions options;
  options.file = path;
  Make(options);
  EXPECT_THAT(Names(), ElementsAre("10.0.0.1:11211", "10.0.0.2:11211"));
  write("10.0.0.2:11211\n");
  ASSERT_TRUE(list_->Look().ok());
  EXPECT_THAT(Names(), ElementsAre("10.0.0.2:11211"));
  for (const char* bad : {"", "# none\n", "10.0.0.2:11211\nwhat is this\n"}) {
    write(bad);
    const absl::Status status = list_->Look();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_NE(status.message().find(path), std::string::npos) << status;
    EXPECT_THAT(Names(), ElementsAre("10.0.0.2:11211"));
  }
  ASSERT_EQ(unlink(path.c_str()), 0);
  EXPECT_TRUE(absl::IsNotFound(list_->Look()));
  EXPECT_THAT(Names(), ElementsAre("10.0.0.2:11211"));
}

TEST(ServerListThreadTest, LooksAgainByItself) {
  auto folder = TempDir::Create();
  ASSERT_TRUE(folder.ok());
  const std::string path = folder->path() + "/servers";
  const auto write = [&](absl::string_view text) {
    ASSERT_TRUE(WriteFileAtomically(path, AsBytes(text), 0644, Replace::kYes, Durable::kNo).ok());
  };
  write("10.0.0.1:1\n");
  ServerListOptions options;
  options.file = path;
  options.refresh = std::chrono::milliseconds(5);
  ManualTimer timer;
  std::promise<void> one;
  std::promise<void> two;
  ServerList list(
      options,
      [&](const std::string& name, const SocketAddress&) {
        return std::make_shared<FakeShardServer>(name, timer);
      },
      [&](const std::vector<std::shared_ptr<ShardServer>>& servers) {
        (servers.size() == 1 ? one : two).set_value();
      });
  one.get_future().wait();
  write("10.0.0.1:1\n10.0.0.2:1\n");
  two.get_future().wait();
}

TEST(ServerListOptionsTest, NamesWhatIsWrong) {
  ServerListOptions options;
  EXPECT_FALSE(options.Validate().ok()) << "nothing given";
  options.servers = {"10.0.0.1:1"};
  EXPECT_TRUE(options.Validate().ok());
  options.dns = "a:1";
  EXPECT_FALSE(options.Validate().ok()) << "two given";
  options.servers.clear();
  EXPECT_TRUE(options.Validate().ok());
  options.dns = "a";
  EXPECT_FALSE(options.Validate().ok());
  options.dns.clear();
  options.servers = {"10.0.0.1"};
  const absl::Status status = options.Validate();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_NE(status.message().find("10.0.0.1"), std::string::npos) << status;
}

}  // namespace
}  // namespace floe::cache
