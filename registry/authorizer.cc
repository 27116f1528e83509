// SPDX-License-Identifier: Apache-2.0
#include "registry/authorizer.h"

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "oci/json.h"

namespace floe::registry {
namespace {

constexpr size_t kMaxTokenAnswer = 1 << 20;

Secret WithScheme(absl::string_view scheme, ByteView value) {
  std::string text = absl::StrCat(scheme, " ", AsText(value));
  Secret secret = Secret::Copy(AsBytes(text));
  WipeText(text);
  return secret;
}

// Only characters that a header may carry, so that a token cannot smuggle a line in.
bool IsToken(absl::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~') return false;
  }
  return !text.empty();
}

std::string Parameter(const Challenge& challenge, const char* name) {
  const auto it = challenge.parameters.find(name);
  return it == challenge.parameters.end() ? "" : it->second;
}

std::vector<Challenge> ChallengesOf(const net::HttpExchange& exchange) {
  std::vector<Challenge> all;
  for (const std::string& line : exchange.AllHeaders("WWW-Authenticate")) {
    for (Challenge& challenge : ParseChallenges(line)) all.push_back(std::move(challenge));
  }
  return all;
}

const Challenge* FindScheme(const std::vector<Challenge>& challenges, absl::string_view scheme) {
  for (const Challenge& challenge : challenges) {
    if (challenge.scheme == scheme) return &challenge;
  }
  return nullptr;
}

std::string WhoIs(const Credentials& credentials) {
  if (credentials.empty()) return "without credentials";
  if (credentials.username.empty()) return "with the token in Docker's config.json";
  return absl::StrCat("as user \"", credentials.username, "\"");
}

std::string FormEscaped(absl::string_view value) {
  // WithQuery escapes; "?x=" is what it puts before.
  return net::WithQuery("", "x", value).substr(3);
}

}  // namespace

absl::StatusOr<AccessToken> ParseTokenAnswer(ByteView text) {
  FLOE_ASSIGN_OR_RETURN(nlohmann::json json,
                        oci::ParseJsonObject(text, "the token service's answer"));
  for (const char* name : {"token", "access_token"}) {
    const auto it = json.find(name);
    if (it == json.end() || !it->is_string()) continue;
    auto& token = it->get_ref<std::string&>();
    if (!IsToken(token)) continue;
    AccessToken answer{Secret::Copy(AsBytes(token))};
    WipeText(token);
    return answer;
  }
  return absl::InvalidArgumentError("the token service's answer holds no token");
}

Secret BasicAuthorization(const Credentials& credentials) {
  std::string plain = absl::StrCat(credentials.username, ":", AsText(credentials.password.view()));
  std::string encoded = absl::Base64Escape(plain);
  Secret secret = WithScheme("Basic", AsBytes(encoded));
  WipeText(plain);
  WipeText(encoded);
  return secret;
}

Authorizer::Authorizer(net::HttpClient& client, const net::TlsOptions& tls,
                       AuthorizerOptions options)
    : client_(client), tls_(tls), options_(std::move(options)) {}

Authorization Authorizer::current() const {
  MutexLock lock(mutex_);
  return current_;
}

std::string Authorizer::who() const {
  MutexLock lock(mutex_);
  return who_;
}

absl::Status Authorizer::Denied() const {
  return absl::PermissionDeniedError(
      absl::StrCat(options_.host, " refuses access to ", options_.repository, " ", who(),
                   "; check the name, or log in with: docker login ", options_.host));
}

absl::Status Authorizer::Renew(const net::HttpExchange& unauthorized,
                               const Authorization& rejected) {
  {
    MutexLock lock(mutex_);
    if (current_ != rejected) return absl::OkStatus();  // somebody else renewed it meanwhile
  }
  FLOE_ASSIGN_OR_RETURN(Secret next, Answer(ChallengesOf(unauthorized), rejected));
  MutexLock lock(mutex_);
  current_ = std::make_shared<const Secret>(std::move(next));
  return absl::OkStatus();
}

absl::StatusOr<Secret> Authorizer::Answer(const std::vector<Challenge>& challenges,
                                          const Authorization& rejected) {
  FLOE_ASSIGN_OR_RETURN(const Credentials credentials, options_.find_credentials());
  {
    MutexLock lock(mutex_);
    who_ = WhoIs(credentials);
  }
  const Challenge* bearer = FindScheme(challenges, "bearer");
  if (bearer != nullptr) return Bearer(*bearer, credentials);
  if (FindScheme(challenges, "basic") != nullptr) {
    if (credentials.password.empty()) return Denied();
    Secret basic = BasicAuthorization(credentials);
    // They do not get better by being sent twice.
    if (rejected != nullptr && basic.Equals(*rejected)) return Denied();
    return basic;
  }
  return absl::PermissionDeniedError(
      absl::StrCat(options_.host, " asks for an authentication that floe does not know (",
                   challenges.empty() ? "none named" : challenges[0].scheme, ")"));
}

absl::StatusOr<std::unique_ptr<net::HttpExchange>> Authorizer::AskForToken(
    const Challenge& challenge, const Credentials& credentials, const std::string& realm) {
  std::set<std::string> scopes = options_.more_scopes;
  const std::string asked = Parameter(challenge, "scope");
  scopes.insert(asked.empty() ? absl::StrCat("repository:", options_.repository, ":pull") : asked);
  const std::string service = Parameter(challenge, "service");
  net::HttpRequest request;
  request.tls = &tls_;
  if (credentials.identity_token.empty()) {
    request.url = service.empty() ? realm : net::WithQuery(realm, "service", service);
    for (const std::string& scope : scopes)
      request.url = net::WithQuery(request.url, "scope", scope);
    const Secret basic = credentials.password.empty() ? Secret() : BasicAuthorization(credentials);
    request.authorization = &basic;
    return client_.Start(request);
  }
  std::string form =
      absl::StrCat("grant_type=refresh_token&client_id=floe&service=", FormEscaped(service),
                   "&scope=", FormEscaped(absl::StrJoin(scopes, " ")),
                   "&refresh_token=", FormEscaped(AsText(credentials.identity_token.view())));
  request.method = "POST";
  request.url = realm;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = AsBytes(form);
  auto exchange = client_.Start(request);
  WipeText(form);
  return exchange;
}

absl::StatusOr<Secret> Authorizer::Bearer(const Challenge& challenge,
                                          const Credentials& credentials) {
  if (!credentials.registry_token.empty()) {
    return WithScheme("Bearer", credentials.registry_token.view());
  }
  const std::string realm = Parameter(challenge, "realm");
  const std::string origin = net::OriginOf(realm);
  if (origin.empty()) {
    return absl::PermissionDeniedError(
        absl::StrCat(options_.host, " names no usable token service (realm) for its tokens"));
  }
  // Whoever can change plain answers of a registry could otherwise collect passwords.
  if (absl::StartsWith(origin, "http://") && absl::StartsWith(options_.origin, "https://") &&
      !credentials.empty()) {
    return absl::PermissionDeniedError(absl::StrCat(options_.host,
                                                    " wants the credentials sent unencrypted to ",
                                                    net::DisplayUrl(realm), "; refused"));
  }
  absl::StatusOr<std::unique_ptr<net::HttpExchange>> exchange =
      AskForToken(challenge, credentials, realm);
  if (!exchange.ok()) return Annotate(exchange.status(), "token service");
  const int status = (*exchange)->status();
  if (status == 401 || status == 403 || status == 400) return Denied();
  if (status != 200) {
    const std::string text =
        absl::StrCat("token service ", net::DisplayUrl(realm), " answers ", status);
    return status >= 500 || status == 429 ? absl::UnavailableError(text)
                                          : absl::PermissionDeniedError(text);
  }
  absl::StatusOr<Bytes> body = net::ReadBody(**exchange, kMaxTokenAnswer);
  if (!body.ok()) return Annotate(body.status(), "token service");
  absl::StatusOr<AccessToken> token = ParseTokenAnswer(*body);
  Wipe(*body);
  if (!token.ok()) return Annotate(token.status(), net::DisplayUrl(realm));
  return WithScheme("Bearer", token->token.view());
}

}  // namespace floe::registry
