// SPDX-License-Identifier: Apache-2.0
#include "base/metrics_endpoint.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "base/file.h"

namespace floe {
namespace {

std::string Ask(int socket, const std::string& request) {
  EXPECT_EQ(send(socket, request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  ssize_t n;
  while ((n = recv(socket, buffer, sizeof buffer, 0)) > 0) {
    answer.append(buffer, static_cast<size_t>(n));
  }
  return answer;
}

UniqueFd ConnectTcp(uint16_t port) {
  struct sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address), 0);
  return fd;
}

TEST(MetricsEndpointTest, AnswersOverTcp) {
  Metrics metrics;
  metrics.GetCounter("floe_things_total", "Things").Add(3);
  auto endpoint = MetricsEndpoint::Listen("127.0.0.1:0", metrics);
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  (*endpoint)->Serve();
  const std::string answer =
      Ask(ConnectTcp((*endpoint)->port()).get(), "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer.rfind("HTTP/1.1 200 OK", 0), 0u);
  EXPECT_NE(answer.find("floe_things_total 3"), std::string::npos);
  EXPECT_EQ(Ask(ConnectTcp((*endpoint)->port()).get(), "GET /other HTTP/1.1\r\n\r\n")
                .rfind("HTTP/1.1 404", 0),
            0u);
}

TEST(MetricsEndpointTest, AnEndlessRequestEndsAtTheLimit) {
  Metrics metrics;
  auto endpoint = *MetricsEndpoint::Listen("localhost:0", metrics);
  endpoint->Serve();
  const UniqueFd client = ConnectTcp(endpoint->port());
  const std::string junk(16 << 10, 'x');
  (void)!send(client.get(), junk.data(), junk.size(), MSG_NOSIGNAL);
  char buffer[64];
  (void)!recv(client.get(), buffer, sizeof buffer, 0);  // an answer or the end, but no hang
  EXPECT_FALSE(Ask(ConnectTcp(endpoint->port()).get(), "GET / HTTP/1.0\r\n\r\n").empty());
}

TEST(MetricsEndpointTest, AnswersOverAUnixSocket) {
  const TempDir dir = *TempDir::Create();
  Metrics metrics;
  const std::string path = dir.path() + "/metrics.sock";
  {
    auto endpoint = MetricsEndpoint::Listen(path, metrics);
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    (*endpoint)->Serve();
    struct sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const UniqueFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(connect(client.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address),
              0);
    EXPECT_EQ(Ask(client.get(), "GET /metrics HTTP/1.0\r\n\r\n").rfind("HTTP/1.1 200", 0), 0u);
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(MetricsEndpointTest, ASecondOneAtTheSameAddressIsRefusedAndTheFirstGoesOn) {
  const TempDir dir = *TempDir::Create();
  Metrics metrics;
  const std::string path = dir.path() + "/metrics.sock";
  const auto unix_endpoint = *MetricsEndpoint::Listen(path, metrics);
  const auto tcp_endpoint = *MetricsEndpoint::Listen("127.0.0.1:0", metrics);
  const std::string tcp = "127.0.0.1:" + std::to_string(tcp_endpoint->port());
  for (const std::string& address : {path, tcp}) {
    const absl::Status second = MetricsEndpoint::Listen(address, metrics).status();
    EXPECT_TRUE(absl::IsAlreadyExists(second)) << second;
    EXPECT_NE(second.message().find(address), std::string::npos) << second;
  }
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
  tcp_endpoint->Serve();
  EXPECT_FALSE(Ask(ConnectTcp(tcp_endpoint->port()).get(), "GET / HTTP/1.0\r\n\r\n").empty());
}

TEST(MetricsEndpointTest, ASocketThatADeadProcessLeftIsReplaced) {
  const TempDir dir = *TempDir::Create();
  const std::string path = dir.path() + "/metrics.sock";
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  {
    const UniqueFd dead(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(dead.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(dead.get(), 1), 0);
  }
  ASSERT_EQ(access(path.c_str(), F_OK), 0);
  Metrics metrics;
  EXPECT_TRUE(MetricsEndpoint::Listen(path, metrics).ok());
}

TEST(MetricsEndpointTest, OnlyLoopbackAndSockets) {
  Metrics metrics;
  for (const char* address : {"0.0.0.0:9100", "9100", "10.0.0.1:9100", "127.0.0.1:99999",
                              "127.0.0.1:", "", "example.org:80", "[::]:9100"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(MetricsEndpoint::Listen(address, metrics).status()))
        << address;
  }
  EXPECT_FALSE(MetricsEndpoint::Listen("/nonexistent/dir/x.sock", metrics).ok());
}

}  // namespace
}  // namespace floe
