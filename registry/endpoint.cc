// SPDX-License-Identifier: Apache-2.0
#include "registry/endpoint.h"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "oci/json.h"
#include "registry/retry.h"

namespace floe::registry {
namespace {

constexpr int kMaxRedirects = 5;
constexpr size_t kMaxErrorBody = 64 << 10;
constexpr char kSlowDownMark[] = "floe/registry-slow-down";
constexpr size_t kMaxText = 500;  // of a registry's text, in our errors

// containerd's rule: port 80 is http; other ports of localhost are tried with https first (any
// certificate) and then with http.
bool MayFallBack(const Options& options, const HostConfig& config) {
  return config.scheme.empty() && !options.plain_http && IsLocalhost(config.host) &&
         PortOf(config.host) != "443" && !PortOf(config.host).empty() &&
         PortOf(config.host) != "80";
}

bool IsPlain(const Options& options, const HostConfig& config) {
  if (!config.scheme.empty()) return config.scheme == "http";
  return options.plain_http || (IsLocalhost(config.host) && PortOf(config.host) == "80");
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// What the registry says, on one line and of bounded length.
std::string Message(ByteView body) {
  const auto json = oci::ParseJsonObject(body, "answer");
  if (!json.ok()) return "";
  const auto errors = oci::ArrayMember(*json, "errors", "answer");
  if (!errors.ok() || *errors == nullptr || (*errors)->empty()) return "";
  const nlohmann::json& first = (**errors)[0];
  std::string text = absl::StrCat(oci::StringMember(first, "code", "").value_or(""), " ",
                                  oci::StringMember(first, "message", "").value_or(""));
  for (char& c : text) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = ' ';
  }
  return absl::StrCat(" (", text.substr(0, kMaxText), ")");
}

absl::Status SlowDown(const std::string& text) {
  absl::Status status = absl::UnavailableError(text);
  status.SetPayload(kSlowDownMark, absl::Cord());
  return status;
}

std::optional<std::chrono::milliseconds> RetryAfter(const net::HttpExchange& exchange) {
  return ParseRetryAfter(exchange.Header("Retry-After"), Clock::Real().WallNow());
}

absl::StatusOr<std::string> ReadAuthorities(const Options& options, const HostConfig& config) {
  std::string text;
  std::vector<std::string> files = config.ca_files;
  if (!options.ca_file.empty()) files.push_back(options.ca_file);
  for (const std::string& file : files) {
    FLOE_ASSIGN_OR_RETURN(const Bytes pem, ReadWholeFile(file, 16 << 20));
    if (!absl::StrContains(AsText(pem), "-----BEGIN ")) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, ": holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"));
    }
    absl::StrAppend(&text, AsText(pem), "\n");
  }
  return text;
}

}  // namespace

bool SaysSlowDown(const absl::Status& status) {
  return status.GetPayload(kSlowDownMark).has_value();
}

Endpoint::Endpoint(net::HttpClient& client, const Options& options, HostConfig config,
                   const Reference& reference)
    : client_(client),
      options_(options),
      config_(std::move(config)),
      reference_(reference),
      plain_(IsPlain(options, config_)),
      may_fall_back_(MayFallBack(options, config_)) {}

absl::StatusOr<std::unique_ptr<Endpoint>> Endpoint::Create(net::HttpClient& client,
                                                           const Options& options,
                                                           const HostConfig& given,
                                                           const Reference& reference,
                                                           const CredentialFinder& credentials,
                                                           const std::string& mount_from) {
  HostConfig config = given;
  if (config.host.empty()) {
    config.host = reference.host == "docker.io" ? "registry-1.docker.io" : reference.host;
    config.path = "/v2";
  }
  std::unique_ptr<Endpoint> endpoint(new Endpoint(client, options, config, reference));
  FLOE_RETURN_IF_ERROR(endpoint->LoadTls());
  AuthorizerOptions auth;
  auth.host = given.host.empty() ? reference.host : given.host;
  // Where http may be what is spoken in the end, http is what the token service is held to.
  auth.origin =
      endpoint->may_fall_back_ ? absl::StrCat("http://", config.host) : endpoint->Origin();
  auth.repository = reference.repository;
  if (!mount_from.empty())
    auth.more_scopes.insert(absl::StrCat("repository:", mount_from, ":pull"));
  auth.find_credentials = [credentials, host = auth.host] { return credentials(host); };
  endpoint->authorizer_ = std::make_unique<Authorizer>(client, endpoint->tls_, std::move(auth));
  return endpoint;
}

absl::Status Endpoint::LoadTls() {
  FLOE_ASSIGN_OR_RETURN(tls_.authorities, ReadAuthorities(options_, config_));
  foreign_tls_.authorities = tls_.authorities;
  foreign_tls_.skip_verify = options_.skip_verify;
  tls_.skip_verify = options_.skip_verify || config_.skip_verify || may_fall_back_;
  const bool own = !config_.client_certificate.empty();
  tls_.client_certificate = own ? config_.client_certificate : options_.client_certificate;
  tls_.client_key = own ? config_.client_key : options_.client_key;
  for (const std::string& file : {tls_.client_certificate, tls_.client_key}) {
    if (file.empty()) continue;
    absl::StatusOr<Bytes> pem = ReadWholeFile(file, 16 << 20);
    FLOE_RETURN_IF_ERROR(pem.status());
    Wipe(*pem);
  }
  return absl::OkStatus();
}

std::string Endpoint::Origin() const {
  return absl::StrCat(plain_ ? "http" : "https", "://", config_.host);
}

std::string Endpoint::Display() const {
  return absl::StrCat(Origin(), config_.path, "/", reference_.repository);
}

std::string Endpoint::UrlOf(const ApiRequest& request) const {
  if (!request.url.empty()) return request.url;
  std::string url = absl::StrCat(Display(), request.path);
  // A mirror serves many registries and has to know which one is meant.
  const bool mirror = config_.host != reference_.host && config_.host != "registry-1.docker.io";
  return mirror ? net::WithQuery(url, "ns", reference_.host) : url;
}

std::string Endpoint::Resolve(const ApiRequest& request, const std::string& location) const {
  return net::ResolveUrl(UrlOf(request), location);
}

net::HttpRequest Endpoint::Build(const ApiRequest& request, const std::string& url, bool ours,
                                 const Authorization& authorization) const {
  net::HttpRequest http;
  http.method = request.method;
  http.url = url;
  http.headers = request.headers;
  http.body = request.body;
  http.tls = ours ? &tls_ : &foreign_tls_;
  if (ours) {
    http.connect_timeout = std::chrono::milliseconds(config_.dial_timeout_ms);
    http.headers.insert(http.headers.end(), config_.headers.begin(), config_.headers.end());
    http.authorization = authorization.get();
  }
  return http;
}

// One try: the first server's answer after challenges, then redirects.
absl::StatusOr<std::unique_ptr<net::HttpExchange>> Endpoint::Once(const ApiRequest& request,
                                                                  const std::string& url,
                                                                  bool& renewed) {
  const bool ours = net::OriginOf(url) == net::OriginOf(Origin());
  while (true) {
    const Authorization authorization = authorizer_->current();
    FLOE_ASSIGN_OR_RETURN(std::unique_ptr<net::HttpExchange> exchange,
                          client_.Start(Build(request, url, ours, authorization)));
    // A second 401 in a row is an answer: StatusOf explains it.
    if (exchange->status() != 401 || !ours || renewed) {
      return Follow(request, std::move(exchange), url);
    }
    renewed = true;
    FLOE_RETURN_IF_ERROR(authorizer_->Renew(*exchange, authorization));
  }
}

absl::StatusOr<std::unique_ptr<net::HttpExchange>> Endpoint::Follow(
    const ApiRequest& request, std::unique_ptr<net::HttpExchange> exchange, std::string url) {
  const bool safe = request.method == "GET" || request.method == "HEAD";
  for (int i = 0; IsRedirect(exchange->status()); ++i) {
    const std::string location = exchange->Header("Location");
    if (location.empty() && exchange->status() == 303) return exchange;
    const std::string next = net::ResolveUrl(url, location);
    if (next.empty() || i == kMaxRedirects || (!safe && exchange->status() < 307)) {
      return absl::FailedPreconditionError(absl::StrCat(
          net::DisplayUrl(url), ": ",
          i == kMaxRedirects ? "redirected too often" : "redirected to something unusable"));
    }
    if (absl::StartsWith(url, "https://") && !absl::StartsWith(next, "https://")) {
      return absl::FailedPreconditionError(absl::StrCat(net::DisplayUrl(url),
                                                        ": redirected from https to plain http (",
                                                        net::DisplayUrl(next), "); refused"));
    }
    const bool ours = net::OriginOf(next) == net::OriginOf(Origin());
    exchange.reset();
    FLOE_ASSIGN_OR_RETURN(exchange,
                          client_.Start(Build(request, next, ours, authorizer_->current())));
    url = next;
  }
  return exchange;
}

absl::StatusOr<std::unique_ptr<net::HttpExchange>> Endpoint::Send(const ApiRequest& request,
                                                                  int attempts) {
  Options limited = options_;
  limited.attempts = request.retry ? attempts : 1;
  Backoff backoff(limited);
  while (true) {
    bool renewed = false;
    absl::StatusOr<std::unique_ptr<net::HttpExchange>> exchange =
        Once(request, UrlOf(request), renewed);
    if (exchange.ok() && !IsPassing((*exchange)->status())) return exchange;
    if (!exchange.ok() && may_fall_back_ && net::IsNoTls(exchange.status()) &&
        !plain_.exchange(true)) {
      continue;
    }
    std::optional<std::chrono::milliseconds> asked_for;
    absl::Status failure = exchange.status();
    if (exchange.ok()) {
      asked_for = RetryAfter(**exchange);
      failure = StatusOf(**exchange, request.path);
    }
    if (!absl::IsUnavailable(failure)) return failure;
    exchange = absl::UnknownError("");  // gives the connection back before waiting
    FLOE_RETURN_IF_ERROR(backoff.Wait(failure, asked_for));
  }
}

absl::Status Endpoint::StatusOf(net::HttpExchange& exchange, absl::string_view what) const {
  const absl::StatusOr<Bytes> body = net::ReadBody(exchange, kMaxErrorBody);
  const int status = exchange.status();
  const std::string text = absl::StrCat(Display(), what, ": the registry answers ", status,
                                        body.ok() ? Message(*body) : "");
  switch (status) {
    case 401:
    case 403:
      return absl::PermissionDeniedError(absl::StrCat(
          text, " ", authorizer_->who(),
          "; check the rights of the account, or log in with: docker login ", reference_.host));
    case 404:
      return absl::NotFoundError(text);
    case 405:
    case 501:
      return absl::UnimplementedError(text);
    case 416:
      return absl::OutOfRangeError(text);
    case 429:
      return SlowDown(
          absl::StrCat(text, ": too many requests; wait, or log in for a higher limit"));
    case 503:
      return SlowDown(text);
    default:
      if (status >= 500 || status == 408) return absl::UnavailableError(text);
      return absl::InvalidArgumentError(text);
  }
}

}  // namespace floe::registry
