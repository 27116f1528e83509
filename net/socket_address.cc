// SPDX-License-Identifier: Apache-2.0
#include "net/socket_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace floe::net {
namespace {

constexpr char kUnixPrefix[] = "unix:";

absl::StatusOr<SocketAddress> ParseUnix(absl::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(
        absl::StrCat("unix:", path, ": a path of 1 to ", sizeof address.sun_path - 1, " bytes"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return SocketAddress::From(
      reinterpret_cast<const sockaddr*>(&address),
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1));
}

}  // namespace

absl::StatusOr<std::pair<std::string, uint16_t>> SplitHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  const absl::string_view digits =
      colon == absl::string_view::npos ? absl::string_view() : text.substr(colon + 1);
  const bool number = !digits.empty() && digits.size() <= 5 &&
                      digits.find_first_not_of("0123456789") == absl::string_view::npos &&
                      absl::SimpleAtoi(digits, &port);
  if (!number || port == 0 || port > 65535 || colon == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\": write HOST:PORT, or [IPV6]:PORT"));
  }
  absl::string_view host = text.substr(0, colon);
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    host = host.substr(1, host.size() - 2);
  } else if (absl::StrContains(host, ":")) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\": an IPv6 address goes into brackets: [IPV6]:PORT"));
  }
  return std::pair(std::string(host), static_cast<uint16_t>(port));
}

absl::StatusOr<SocketAddress> SocketAddress::From(const sockaddr* address, socklen_t length) {
  SocketAddress result;
  if (length > sizeof result.storage_) return absl::InvalidArgumentError("address: too long");
  std::memcpy(&result.storage_, address, length);
  result.length_ = length;
  return result;
}

absl::StatusOr<SocketAddress> SocketAddress::Parse(absl::string_view text) {
  if (absl::StartsWith(text, kUnixPrefix)) return ParseUnix(text.substr(sizeof kUnixPrefix - 1));
  FLOE_ASSIGN_OR_RETURN(const auto parts, SplitHostPort(text));
  sockaddr_in v4{};
  if (inet_pton(AF_INET, parts.first.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(parts.second);
    return From(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, parts.first.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(parts.second);
    return From(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": no IP address"));
}

std::string SocketAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage_.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage_);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return absl::StrCat(text, ":", ntohs(v4->sin_port));
  }
  if (storage_.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage_);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    return absl::StrCat("[", text, "]:", ntohs(v6->sin6_port));
  }
  return absl::StrCat(kUnixPrefix, reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path);
}

absl::StatusOr<std::vector<SocketAddress>> ResolveHost(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &list);
  if (error == EAI_NONAME || error == EAI_NODATA) {
    return absl::NotFoundError(absl::StrCat("host ", host, ": ", gai_strerror(error)));
  }
  if (error != 0) {
    return absl::UnavailableError(absl::StrCat("host ", host, ": ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    auto address = SocketAddress::From(entry->ai_addr, entry->ai_addrlen);
    if (address.ok()) addresses.push_back(*address);
  }
  std::sort(addresses.begin(), addresses.end(),
            [](const auto& a, const auto& b) { return a.ToString() < b.ToString(); });
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

absl::StatusOr<UniqueFd> BeginConnect(const SocketAddress& address) {
  UniqueFd fd(socket(address.address()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoStatus(errno, "socket");
  if (!address.is_unix()) {
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  }
  if (connect(fd.get(), address.address(), address.length()) != 0 && errno != EINPROGRESS) {
    return absl::UnavailableError(
        absl::StrCat("connect ", address.ToString(), ": ", std::strerror(errno)));
  }
  return fd;
}

}  // namespace floe::net
