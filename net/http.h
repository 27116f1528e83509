// SPDX-License-Identifier: Apache-2.0
// HTTP over libcurl, blocking: requests with bodies in memory, answers read at
// the reader's pace, connections kept between requests.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/secret.h"
#include "base/status.h"

namespace floe::net {

struct TlsOptions {
  bool skip_verify = false;
  std::string authorities;         // PEM text, beside the system's
  std::string client_certificate;  // path, PEM
  std::string client_key;          // path, PEM; empty: in client_certificate
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  HttpHeaders headers;
  const Secret* authorization = nullptr;         // whole value of the header; borrowed
  std::optional<ByteView> body;                  // borrowed until Start returns
  const TlsOptions* tls = nullptr;               // borrowed until Start returns; null: the defaults
  std::chrono::milliseconds connect_timeout{0};  // 0: the client's
};

// One request and its answer. Not thread safe; must not outlive its client.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  virtual int status() const = 0;
  // The first value of a header, "" when it is absent; names are compared without case.
  virtual std::string Header(absl::string_view name) const = 0;
  virtual std::vector<std::string> AllHeaders(absl::string_view name) const = 0;
  // The body, 1..out.size() bytes; 0 at its end. UNAVAILABLE when the connection breaks or nothing
  // comes for too long.
  virtual absl::StatusOr<size_t> Read(MutableByteView out) = 0;
};

// The rest of the body; INVALID_ARGUMENT beyond `max_bytes`.
absl::StatusOr<Bytes> ReadBody(HttpExchange& exchange, size_t max_bytes);

struct HttpClientOptions {
  std::string user_agent;
  std::chrono::milliseconds connect_timeout{30'000};
  std::chrono::milliseconds stall_timeout{60'000};
  CancelToken cancel;
};

// Thread safe: every exchange has a connection of its own while it lasts.
class HttpClient {
 public:
  explicit HttpClient(HttpClientOptions options);
  ~HttpClient();

  // Sends the request and waits for the answer's headers (with a body in the request: for the whole
  // answer). Redirects are answers. UNAVAILABLE: try again later; FAILED_PRECONDITION: the
  // connection cannot be trusted or spoken on (TLS); CANCELLED; INVALID_ARGUMENT: a malformed url.
  absl::StatusOr<std::unique_ptr<HttpExchange>> Start(const HttpRequest& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// True when the other side did not speak TLS.
bool IsNoTls(const absl::Status& status);

// "https://host:port/path" without credentials and query, for messages.
std::string DisplayUrl(const std::string& url);
// "https://host:port", with the scheme's port when none is written; "" for no http(s) url.
std::string OriginOf(const std::string& url);
// `location` as a page at `base` means it; "" when that is no http(s) url.
std::string ResolveUrl(const std::string& base, const std::string& location);
// `url` with `name=value` in its query.
std::string WithQuery(const std::string& url, absl::string_view name, absl::string_view value);

}  // namespace floe::net
