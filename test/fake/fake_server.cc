// SPDX-License-Identifier: Apache-2.0
#include "test/fake/fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace floe::fake {
namespace {

bool SendAll(int socket, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// Reads one request; `buffer` keeps what came too much; `expected` is called before the body of who
// asks first. False at the end of the connection.
bool ReadRequest(int socket, std::string& buffer, ServerRequest& request,
                 const std::function<bool()>& expected) {
  const auto more = [&] {
    char chunk[65536];
    const ssize_t got = recv(socket, chunk, sizeof(chunk), 0);
    if (got <= 0) return false;
    buffer.append(chunk, static_cast<size_t>(got));
    return true;
  };
  size_t end;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!more()) return false;
    if (buffer[0] == 0x16) {  // a TLS greeting, answered as plain servers do
      SendAll(socket, "HTTP/1.0 400 Bad Request\r\n\r\n");
      return false;
    }
  }
  const std::vector<std::string> lines = absl::StrSplit(buffer.substr(0, end), "\r\n");
  const std::vector<std::string> words = absl::StrSplit(lines[0], ' ');
  if (words.size() != 3) return false;
  const std::pair<std::string, std::string> target =
      absl::StrSplit(words[1], absl::MaxSplits('?', 1));
  request = {words[0], target.first, target.second, {}, ""};
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::pair<std::string, std::string> header =
        absl::StrSplit(lines[i], absl::MaxSplits(": ", 1));
    std::string& value = request.headers[absl::AsciiStrToLower(header.first)];
    absl::StrAppend(&value, value.empty() ? "" : ", ", header.second);
  }
  size_t length = 0;
  (void)absl::SimpleAtoi(request.headers["content-length"], &length);
  buffer.erase(0, end + 4);
  if (request.headers.count("expect") != 0 && !expected()) return false;
  while (buffer.size() < length) {
    if (!more()) return false;
  }
  request.body = buffer.substr(0, length);
  buffer.erase(0, length);
  return true;
}

}  // namespace

Server::Server(Handler handler, EarlyHandler early)
    : handler_(std::move(handler)), early_(std::move(early)) {
  listener_.Reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_.get(), 64) != 0 ||
      getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    abort();
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

Server::~Server() {
  std::list<std::thread> workers;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    for (const int socket : open_) shutdown(socket, SHUT_RDWR);
  }
  shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  {
    MutexLock lock(mutex_);
    workers.swap(workers_);
  }
  for (std::thread& worker : workers) worker.join();
}

std::string Server::host() const { return absl::StrCat("127.0.0.1:", port_); }

std::vector<std::string> Server::log() {
  MutexLock lock(mutex_);
  return log_;
}

int Server::connections() {
  MutexLock lock(mutex_);
  return connections_;
}

void Server::Accept() {
  while (true) {
    const int socket = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    // Head and body go out separately: the second must not wait for news of the first.
    const int yes = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    MutexLock lock(mutex_);
    if (stopping_) {
      close(socket);
      return;
    }
    ++connections_;
    open_.push_back(socket);
    workers_.emplace_back([this, socket] { Serve(socket); });
  }
}

void Server::Serve(int socket) {
  std::string buffer;
  ServerRequest request;
  while (ReadRequest(socket, buffer, request, [&] { return AnswerEarly(socket, request); }) &&
         Answer(socket, request)) {
  }
  {
    MutexLock lock(mutex_);
    open_.erase(std::find(open_.begin(), open_.end(), socket));
  }
  close(socket);
}

// False when the connection is over.
bool Server::Answer(int socket, const ServerRequest& request) {
  {
    MutexLock lock(mutex_);
    log_.push_back(absl::StrCat(request.method, " ", request.path));
  }
  ServerAnswer answer;
  {
    MutexLock lock(handler_mutex_);
    answer = handler_(request);
  }
  return SendAnswer(socket, request, answer);
}

bool Server::AnswerEarly(int socket, const ServerRequest& request) {
  std::optional<ServerAnswer> answer;
  if (early_ != nullptr) {
    MutexLock lock(handler_mutex_);
    answer = early_(request);
  }
  if (!answer) return SendAll(socket, "HTTP/1.1 100 Continue\r\n\r\n");
  answer->headers.emplace_back("Connection", "close");
  SendAnswer(socket, request, *answer);
  shutdown(socket, SHUT_WR);
  return false;
}

bool Server::Drip(int socket, const ServerAnswer& answer) {
  for (const char c : answer.body) {
    if (!SendAll(socket, absl::string_view(&c, 1))) return false;
    pollfd gone{socket, POLLRDHUP, 0};
    if (poll(&gone, 1, *answer.drip) != 0) return false;
  }
  return true;
}

bool Server::SendAnswer(int socket, const ServerRequest& request, const ServerAnswer& answer) {
  std::string head = absl::StrCat("HTTP/1.1 ", answer.status, " X\r\n");
  bool has_length = false;
  for (const auto& [name, value] : answer.headers) {
    absl::StrAppend(&head, name, ": ", value, "\r\n");
    has_length = has_length || name == "Content-Length";
  }
  if (!has_length) absl::StrAppend(&head, "Content-Length: ", answer.body.size(), "\r\n");
  if (!SendAll(socket, absl::StrCat(head, "\r\n"))) return false;
  if (request.method == "HEAD") return true;
  if (answer.drip) return Drip(socket, answer);
  const std::optional<size_t> limit = answer.cut_after ? answer.cut_after : answer.stall_after;
  if (!SendAll(socket, absl::string_view(answer.body).substr(0, limit.value_or(SIZE_MAX)))) {
    return false;
  }
  if (answer.stall_after) {
    char byte;
    (void)recv(socket, &byte, 1, 0);  // until the client or the server goes
    return false;
  }
  if (!answer.cut_after) return true;
  if (answer.reset) {
    const linger now{1, 0};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    return false;
  }
  // Orderly, so that what was sent arrives.
  shutdown(socket, SHUT_WR);
  return false;
}

void Server::Locked(const std::function<void()>& work) {
  MutexLock lock(handler_mutex_);
  work();
}

}  // namespace floe::fake
