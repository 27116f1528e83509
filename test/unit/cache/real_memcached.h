// SPDX-License-Identifier: Apache-2.0
// A memcached of its own on a unix socket, for one test.
#pragma once

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "gtest/gtest.h"
#include "net/socket_address.h"

namespace floe::cache {

class RealMemcached {
 public:
  explicit RealMemcached(std::vector<std::string> more = {}) : more_(std::move(more)) {
    folder_ = std::make_unique<TempDir>(*TempDir::Create());
    Start();
  }
  ~RealMemcached() { process_.Signal(SIGCONT).IgnoreError(); }

  net::SocketAddress address() const { return *net::SocketAddress::Parse("unix:" + path()); }
  // Returns when it stands still: a signal is only on its way when kill(2) returns.
  void Stop() {
    EXPECT_TRUE(process_.Signal(SIGSTOP).ok());
    siginfo_t stopped;
    EXPECT_EQ(waitid(P_PID, static_cast<id_t>(process_.pid()), &stopped, WSTOPPED | WNOWAIT), 0);
  }
  void Continue() { EXPECT_TRUE(process_.Signal(SIGCONT).ok()); }
  void Kill() { process_ = Process(); }
  // Again on the same address, empty.
  void Start() {
    unlink(path().c_str());
    SpawnOptions options;
    options.arguments = {"memcached", "-s", path(), "-a", "0700", "-t", "1", "-m", "64"};
    // As root it wants to know whom to become.
    if (geteuid() == 0) options.arguments.insert(options.arguments.end(), {"-u", "root"});
    options.arguments.insert(options.arguments.end(), more_.begin(), more_.end());
    auto process = Process::Spawn(options);
    ASSERT_TRUE(process.ok()) << process.status();
    process_ = *std::move(process);
    // Up when it accepts.
    const net::SocketAddress here = address();
    while (true) {
      const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (connect(fd.get(), here.address(), here.length()) == 0) return;
      ASSERT_TRUE(absl::IsDeadlineExceeded(
          process_.Wait(Clock::Real().Now() + std::chrono::milliseconds(5)).status()))
          << "memcached has ended; is it installed?";
    }
  }

 private:
  std::string path() const { return folder_->path() + "/memcached"; }

  const std::vector<std::string> more_;
  std::unique_ptr<TempDir> folder_;
  Process process_;
};

}  // namespace floe::cache
