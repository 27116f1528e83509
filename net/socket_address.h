// SPDX-License-Identifier: Apache-2.0
// Where a stream socket connects to, and names turned into that.
#pragma once

#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe::net {

// An IPv4, IPv6 or unix address. A value.
class SocketAddress {
 public:
  // "10.0.0.5:11211", "[fd00::5]:11211", "unix:/run/cache.sock". No names: INVALID_ARGUMENT.
  static absl::StatusOr<SocketAddress> Parse(absl::string_view text);
  static absl::StatusOr<SocketAddress> From(const sockaddr* address, socklen_t length);

  // As Parse takes it.
  std::string ToString() const;
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t length() const { return length_; }
  bool is_unix() const { return storage_.ss_family == AF_UNIX; }
  friend bool operator==(const SocketAddress& a, const SocketAddress& b) {
    return a.ToString() == b.ToString();
  }

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

// "cache.local:11211" in its halves; `[` and `]` around IPv6 are taken off. INVALID_ARGUMENT
// without a port of 1 to 65535.
absl::StatusOr<std::pair<std::string, uint16_t>> SplitHostPort(absl::string_view text);

// All addresses of a host (name or number), sorted by their text, no doubles. Waits for the name
// service: never on an event loop. NOT_FOUND: there is no such name; UNAVAILABLE: try again.
absl::StatusOr<std::vector<SocketAddress>> ResolveHost(const std::string& host, uint16_t port);

// A non-blocking stream socket whose connecting has begun; the result is SO_ERROR once it is
// writable.
absl::StatusOr<UniqueFd> BeginConnect(const SocketAddress& address);

}  // namespace floe::net
