// SPDX-License-Identifier: Apache-2.0
// One server of a registry and how to speak with it: urls, TLS, authorization, redirects, retries.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/status.h"
#include "net/http.h"
#include "registry/authorizer.h"
#include "registry/hosts_toml.h"
#include "registry/options.h"
#include "registry/reference.h"

namespace floe::registry {

struct ApiRequest {
  std::string method = "GET";
  std::string path;  // below the repository: "/manifests/latest"; or
  std::string url;   // a whole url, as a registry gave it
  net::HttpHeaders headers;
  std::optional<ByteView> body;  // borrowed
  bool retry = true;             // false where sending twice would do harm
};

// True when the registry asked for fewer requests (429, 503), on statuses of Send and StatusOf.
bool SaysSlowDown(const absl::Status& status);

// Thread safe.
class Endpoint {
 public:
  // `client` and `options` are borrowed. INVALID_ARGUMENT or NOT_FOUND for files that cannot be
  // read. `mount_from` is a repository from which blobs may be mounted ("" for none).
  static absl::StatusOr<std::unique_ptr<Endpoint>> Create(net::HttpClient& client,
                                                          const Options& options,
                                                          const HostConfig& config,
                                                          const Reference& reference,
                                                          const CredentialFinder& credentials,
                                                          const std::string& mount_from);

  const HostConfig& config() const { return config_; }
  // "https://host/v2/repository", for messages.
  std::string Display() const;

  // Sends, answers challenges, follows redirects (never with our authorization to another server,
  // never from https to http), and tries again after passing failures, `attempts` times in a row.
  // The answer's status may be anything else; StatusOf explains it.
  absl::StatusOr<std::unique_ptr<net::HttpExchange>> Send(const ApiRequest& request, int attempts);

  // What a registry's refusal means; reads the answer's body. `what` names the thing asked for.
  absl::Status StatusOf(net::HttpExchange& exchange, absl::string_view what) const;

  // `location` from an answer to `request`, whole.
  std::string Resolve(const ApiRequest& request, const std::string& location) const;

 private:
  Endpoint(net::HttpClient& client, const Options& options, HostConfig config,
           const Reference& reference);

  std::string Origin() const;
  std::string UrlOf(const ApiRequest& request) const;
  absl::Status LoadTls();
  absl::StatusOr<std::unique_ptr<net::HttpExchange>> Once(const ApiRequest& request,
                                                          const std::string& url, bool& renewed);
  absl::StatusOr<std::unique_ptr<net::HttpExchange>> Follow(
      const ApiRequest& request, std::unique_ptr<net::HttpExchange> exchange, std::string url);
  net::HttpRequest Build(const ApiRequest& request, const std::string& url, bool ours,
                         const Authorization& authorization) const;

  net::HttpClient& client_;
  const Options& options_;
  const HostConfig config_;
  const Reference reference_;
  net::TlsOptions tls_;
  net::TlsOptions foreign_tls_;  // for redirects to other servers: no certificate of ours
  std::atomic<bool> plain_;      // http
  const bool may_fall_back_;     // localhost: https is tried first
  std::unique_ptr<Authorizer> authorizer_;
};

}  // namespace floe::registry
