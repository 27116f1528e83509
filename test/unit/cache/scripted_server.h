// SPDX-License-Identifier: Apache-2.0
// A server on a unix socket that does what a test says: silence, one byte at a time, a reset.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/file.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"
#include "net/socket_address.h"

namespace floe::cache {

class ScriptedServer {
 public:
  // One accepted connection, on a thread of its own. Reads and writes end when the server goes.
  class Peer {
   public:
    Peer(UniqueFd fd, const std::atomic<bool>& stopping)
        : fd_(std::move(fd)), stopping_(stopping) {}
    // The next line without its end; "" at the end of the connection.
    std::string Line() {
      while (buffer_.find('\n') == std::string::npos) {
        if (!Fill()) return "";
      }
      const size_t end = buffer_.find('\n');
      std::string line = buffer_.substr(0, end > 0 ? end - 1 : 0);
      buffer_.erase(0, end + 1);
      return line;
    }
    void Say(absl::string_view text) {
      while (!text.empty()) {
        const ssize_t sent = send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;
        text.remove_prefix(static_cast<size_t>(sent));
      }
    }
    // Says nothing until the other side has had enough.
    void WaitForEnd() {
      while (Fill()) {
      }
    }
    // The next close is a reset.
    void ResetOnClose() {
      const linger now{1, 0};
      setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }

   private:
    bool Fill() {
      while (!stopping_) {
        pollfd ready{fd_.get(), POLLIN, 0};
        if (poll(&ready, 1, 20) <= 0) continue;
        char bytes[4096];
        const ssize_t got = recv(fd_.get(), bytes, sizeof bytes, 0);
        if (got <= 0) return false;
        buffer_.append(bytes, static_cast<size_t>(got));
        return true;
      }
      return false;
    }
    UniqueFd fd_;
    const std::atomic<bool>& stopping_;
    std::string buffer_;
  };

  explicit ScriptedServer(std::function<void(Peer&)> script) : script_(std::move(script)) {
    folder_ = std::make_unique<TempDir>(*TempDir::Create());
    address_ = *net::SocketAddress::Parse("unix:" + folder_->path() + "/s");
    listener_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(listener_.get(), address_.address(), address_.length()), 0);
    EXPECT_EQ(listen(listener_.get(), 16), 0);
    thread_ = std::thread([this] { Accept(); });
  }
  ~ScriptedServer() {
    stopping_ = true;
    thread_.join();
  }
  const net::SocketAddress& address() const { return address_; }
  int accepted() const { return accepted_; }

 private:
  void Accept() {
    std::vector<std::thread> peers;
    while (!stopping_) {
      pollfd ready{listener_.get(), POLLIN, 0};
      if (poll(&ready, 1, 20) <= 0) continue;
      UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      ++accepted_;
      peers.emplace_back([this, fd = std::move(fd)]() mutable {
        Peer peer(std::move(fd), stopping_);
        script_(peer);
      });
    }
    for (std::thread& peer : peers) peer.join();
  }

  const std::function<void(Peer&)> script_;
  std::unique_ptr<TempDir> folder_;
  net::SocketAddress address_;
  UniqueFd listener_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> accepted_{0};
  std::thread thread_;
};

}  // namespace floe::cache
