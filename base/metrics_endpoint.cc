// SPDX-License-Identifier: Apache-2.0
#include "base/metrics_endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace floe {
namespace {

constexpr size_t kMaxRequestBytes = 8192;

absl::Status BadAddress(const std::string& address) {
  return absl::InvalidArgumentError(
      absl::StrCat("metrics address \"", address,
                   "\": give 127.0.0.1:PORT, [::1]:PORT or the absolute path of a unix socket"));
}

absl::Status InUse(const std::string& address) {
  return absl::AlreadyExistsError(
      absl::StrCat("metrics address ", address, ": another process answers there"));
}

struct Bound {
  UniqueFd socket;
  std::string path;
  uint16_t port = 0;
};

absl::StatusOr<Bound> BindUnix(const std::string& path) {
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return BadAddress(path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Bound bound{UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), path, 0};
  // Only what a dead process left may be replaced. EAGAIN: alive, and behind with its callers.
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (connect(probe.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN) {
    return InUse(path);
  }
  unlink(path.c_str());
  const mode_t before = umask(0117);
  const int rc =
      bind(bound.socket.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address);
  const int error = errno;
  umask(before);
  if (rc != 0) return ErrnoStatus(error, absl::StrCat("bind ", path));
  return bound;
}

template <typename Address>
absl::StatusOr<Bound> BindTcp(Address address, in_port_t Address::*port, const std::string& text) {
  const int family = reinterpret_cast<struct sockaddr*>(&address)->sa_family;
  Bound bound{UniqueFd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), "", 0};
  const int on = 1;
  setsockopt(bound.socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(bound.socket.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EADDRINUSE) return InUse(text);
    return ErrnoStatus(errno, absl::StrCat("bind ", text));
  }
  socklen_t length = sizeof address;
  getsockname(bound.socket.get(), reinterpret_cast<struct sockaddr*>(&address), &length);
  bound.port = ntohs(address.*port);
  return bound;
}

absl::StatusOr<Bound> Bind(const std::string& address) {
  if (absl::StartsWith(address, "/")) return BindUnix(address);
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port > 65535) {
    return BadAddress(address);
  }
  const std::string host = address.substr(0, colon);
  if (host == "[::1]") {
    struct sockaddr_in6 v6 = {};
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = in6addr_loopback;
    v6.sin6_port = htons(static_cast<uint16_t>(port));
    return BindTcp(v6, &sockaddr_in6::sin6_port, address);
  }
  struct sockaddr_in v4 = {};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(static_cast<uint16_t>(port));
  const bool parsed = inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1;
  if (host == "localhost") v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (host != "localhost" && (!parsed || ntohl(v4.sin_addr.s_addr) >> 24 != 127)) {
    return BadAddress(address);
  }
  return BindTcp(v4, &sockaddr_in::sin_port, address);
}

void SendAll(int socket, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t n = send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

// Up to the empty line; what a slow or hostile client sends ends at the limits.
std::string ReadRequest(int socket) {
  std::string request;
  char buffer[1024];
  while (request.size() < kMaxRequestBytes && request.find("\r\n\r\n") == std::string::npos) {
    const ssize_t n = recv(socket, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    request.append(buffer, static_cast<size_t>(n));
  }
  return request;
}

std::string Response(absl::string_view status, absl::string_view type, absl::string_view body) {
  return absl::StrCat("HTTP/1.1 ", status, "\r\nContent-Type: ", type,
                      "\r\nContent-Length: ", body.size(), "\r\nConnection: close\r\n\r\n", body);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Listen(const std::string& address,
                                                                         const Metrics& metrics) {
  FLOE_ASSIGN_OR_RETURN(Bound bound, Bind(address));
  if (listen(bound.socket.get(), 16) != 0) {
    return ErrnoStatus(errno, absl::StrCat("listen ", address));
  }
  UniqueFd stop(eventfd(0, EFD_CLOEXEC));
  if (!stop) return ErrnoStatus(errno, "eventfd");
  return std::unique_ptr<MetricsEndpoint>(new MetricsEndpoint(
      std::move(bound.socket), std::move(stop), std::move(bound.path), bound.port, metrics));
}

MetricsEndpoint::MetricsEndpoint(UniqueFd listener, UniqueFd stop, std::string path, uint16_t port,
                                 const Metrics& metrics)
    : listener_(std::move(listener)),
      stop_(std::move(stop)),
      path_(std::move(path)),
      port_(port),
      metrics_(metrics) {}

void MetricsEndpoint::Serve() {
  if (!thread_.joinable()) thread_ = std::thread([this] { Loop(); });
}

MetricsEndpoint::~MetricsEndpoint() {
  if (thread_.joinable()) {
    (void)eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  if (!path_.empty()) unlink(path_.c_str());
}

void MetricsEndpoint::Loop() {
  pthread_setname_np(pthread_self(), "metrics");
  while (true) {
    struct pollfd polled[] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (poll(polled, 2, -1) < 0 && errno != EINTR) return;
    if ((polled[1].revents & POLLIN) != 0) return;
    if ((polled[0].revents & POLLIN) == 0) continue;
    const UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client) Answer(client.get());
  }
}

void MetricsEndpoint::Answer(int client) {
  const struct timeval patience = {2, 0};  // one slow client must not hold up the others for long
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const std::string request = ReadRequest(client);
  const absl::string_view line(request.data(), std::min(request.find("\r\n"), request.size()));
  if (absl::StartsWith(line, "GET /metrics ") || absl::StartsWith(line, "GET / ")) {
    SendAll(client, Response("200 OK", "text/plain; version=0.0.4", metrics_.Text()));
  } else {
    SendAll(client, Response("404 Not Found", "text/plain", "only GET /metrics\n"));
  }
}

}  // namespace floe
