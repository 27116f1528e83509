// SPDX-License-Identifier: Apache-2.0
// Answers a registry's challenges: basic, and bearer tokens from its token service (distribution
// spec, token authentication; OAuth2 for identity tokens).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/mutex.h"
#include "base/secret.h"
#include "base/status.h"
#include "net/http.h"
#include "registry/challenge.h"
#include "registry/credentials.h"

namespace floe::registry {

// What a token service answers with.
struct AccessToken {
  Secret token;
};
// INVALID_ARGUMENT without quoting from the answer.
absl::StatusOr<AccessToken> ParseTokenAnswer(ByteView json);

// "Basic ..." for these credentials.
Secret BasicAuthorization(const Credentials& credentials);

struct AuthorizerOptions {
  std::string host;        // whose credentials are used; for messages
  std::string origin;      // "https://host:port" of the registry
  std::string repository;  // for the scope when the challenge has none
  std::set<std::string> more_scopes;
  std::function<absl::StatusOr<Credentials>()> find_credentials;
};

using Authorization = std::shared_ptr<const Secret>;  // null: none

// Thread safe. One for each server and repository.
class Authorizer {
 public:
  // `client` and `tls` are borrowed.
  Authorizer(net::HttpClient& client, const net::TlsOptions& tls, AuthorizerOptions options);

  // What to send now.
  Authorization current() const FLOE_EXCLUDES(mutex_);

  // How the last request was made, for messages: "without credentials", "as user \"ann\"".
  std::string who() const FLOE_EXCLUDES(mutex_);

  // After a 401 for a request that carried `rejected`: gets something better, or PERMISSION_DENIED
  // with the remedy. UNAVAILABLE when the token service cannot be reached.
  absl::Status Renew(const net::HttpExchange& unauthorized, const Authorization& rejected)
      FLOE_EXCLUDES(mutex_);

 private:
  absl::StatusOr<Secret> Answer(const std::vector<Challenge>& challenges,
                                const Authorization& rejected) FLOE_EXCLUDES(mutex_);
  absl::StatusOr<Secret> Bearer(const Challenge& challenge, const Credentials& credentials);
  absl::StatusOr<std::unique_ptr<net::HttpExchange>> AskForToken(const Challenge& challenge,
                                                                 const Credentials& credentials,
                                                                 const std::string& realm);
  absl::Status Denied() const FLOE_EXCLUDES(mutex_);

  net::HttpClient& client_;
  const net::TlsOptions& tls_;
  const AuthorizerOptions options_;
  mutable Mutex mutex_;
  Authorization current_ FLOE_GUARDED_BY(mutex_);
  std::string who_ FLOE_GUARDED_BY(mutex_) = "without credentials";
};

}  // namespace floe::registry
