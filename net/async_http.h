// SPDX-License-Identifier: Apache-2.0
// HTTP without waiting: many requests under way on one event thread (libcurl's multi interface over
// epoll), connections kept, HTTP/2 where an https server offers it. Bodies are in memory, whole.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/status.h"
#include "net/http.h"

namespace floe::net {

struct AsyncHttpRequest {
  std::string method = "GET";
  std::string url;
  HttpHeaders headers;
  // Headers whose values are secret: shared, never copied to where they are not wiped.
  std::vector<std::pair<std::string, std::shared_ptr<const Secret>>> secret_headers;
  // The request's body: `body_size` bytes of it from `body_offset` on. Null: none. Not copied.
  std::shared_ptr<const Bytes> body;
  size_t body_offset = 0;
  size_t body_size = std::numeric_limits<size_t>::max();  // max: to the end
  // Ask the server first ("Expect: 100-continue"), and send the body when it says so, or nothing
  // for a moment.
  bool expect_continue = false;
  std::shared_ptr<const TlsOptions> tls;  // null: the defaults
  // A longer answer of success is DATA_LOSS. (Of others 64 KiB are taken, the rest is dropped.)
  size_t max_answer_bytes = 1 << 20;
  SteadyTime deadline = kNoDeadline;
  CancelToken cancel;

  ByteView BodyView() const;
};

struct AsyncHttpAnswer {
  int status = 0;
  std::string head;  // the lines of its headers, each ended by '\n'
  std::shared_ptr<Bytes> body = std::make_shared<Bytes>();
  bool continued = false;  // the server asked for the body (100 Continue)

  // The first value of a header, "" when it is absent; names are compared without case.
  absl::string_view Header(absl::string_view name) const;
};

// Thread safe.
class AsyncHttp {
 public:
  using Callback = std::function<void(absl::StatusOr<AsyncHttpAnswer>)>;
  virtual ~AsyncHttp() = default;

  // Any answer of the server is OK here, whatever its status; redirects are answers. UNAVAILABLE:
  // no connection, it broke, or it stalled: try again; DEADLINE_EXCEEDED, CANCELLED (which may take
  // a twentieth of a second to be seen); DATA_LOSS: the answer is longer than allowed;
  // FAILED_PRECONDITION: the connection cannot be trusted (TLS); INVALID_ARGUMENT: a malformed
  // request. `done` is called exactly once, on the event thread or on the caller's: it must be
  // short and must not wait.
  virtual void Send(AsyncHttpRequest request, Callback done) = 0;
};

struct AsyncHttpOptions {
  std::string user_agent = "floe/" FLOE_VERSION;
  std::string thread_name = "http";  // at most 15 characters
  size_t connections_per_host = 64;  // more requests than this wait for one
  std::chrono::milliseconds connect_timeout{5'000};
  // Fewer than `stall_bytes` bytes a second, on the average of `stall_time`: it stalls.
  long stall_bytes = 1024;
  std::chrono::seconds stall_time{20};
  // How long an `expect_continue` waits for the server's word.
  std::chrono::milliseconds continue_timeout{1'000};
};

// The real one. The destructor answers what is under way with CANCELLED and joins; it must not run
// on the event thread. Errors of the system (no descriptors) make every request UNAVAILABLE.
std::unique_ptr<AsyncHttp> MakeAsyncHttp(const AsyncHttpOptions& options = {});

// Waits for the answer; never on an event thread.
absl::StatusOr<AsyncHttpAnswer> SendAndWait(AsyncHttp& http, AsyncHttpRequest request);

}  // namespace floe::net
