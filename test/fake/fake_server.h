// SPDX-License-Identifier: Apache-2.0
// A plain HTTP/1.1 server on loopback whose answers a test decides, including bad manners.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/unique_fd.h"

namespace floe::fake {

struct ServerRequest {
  std::string method;
  std::string path;                            // without the query
  std::string query;                           // after the '?'
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct ServerAnswer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::optional<size_t> cut_after;         // sends so many bytes of the body, then closes
  std::optional<size_t> stall_after;       // sends so many, then nothing until the server goes
  bool reset = false;                      // with cut_after: by a reset instead of an orderly end
  std::optional<int> drip = std::nullopt;  // one byte of the body every so many milliseconds
};

// Answers on a thread of its own for each connection. The handler is called one request at a time.
class Server {
 public:
  using Handler = std::function<ServerAnswer(const ServerRequest&)>;
  // Asked first by requests with "Expect: 100-continue", without their body: nullopt asks for it.
  using EarlyHandler = std::function<std::optional<ServerAnswer>(const ServerRequest&)>;
  explicit Server(Handler handler, EarlyHandler early = nullptr);
  ~Server();

  std::string host() const;  // "127.0.0.1:port"
  // "METHOD /path" of every request so far.
  std::vector<std::string> log() FLOE_EXCLUDES(mutex_);
  int connections() FLOE_EXCLUDES(mutex_);
  // Runs while no handler does.
  void Locked(const std::function<void()>& work) FLOE_EXCLUDES(handler_mutex_);

 private:
  void Accept();
  void Serve(int socket);
  bool Answer(int socket, const ServerRequest& request);
  // To an expectation; false when the connection is over.
  bool AnswerEarly(int socket, const ServerRequest& request);
  bool SendAnswer(int socket, const ServerRequest& request, const ServerAnswer& answer);
  bool Drip(int socket, const ServerAnswer& answer);

  const Handler handler_;
  const EarlyHandler early_;
  UniqueFd listener_;
  int port_ = 0;
  Mutex mutex_;
  std::vector<std::string> log_ FLOE_GUARDED_BY(mutex_);
  std::vector<int> open_ FLOE_GUARDED_BY(mutex_);
  std::list<std::thread> workers_ FLOE_GUARDED_BY(mutex_);
  int connections_ FLOE_GUARDED_BY(mutex_) = 0;
  bool stopping_ FLOE_GUARDED_BY(mutex_) = false;
  Mutex handler_mutex_;
  std::thread acceptor_;
};

}  // namespace floe::fake
