// SPDX-License-Identifier: Apache-2.0
// Credentials that a service hands out: a container's endpoint, the instance metadata, STS.
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "store/s3/credential_sources.h"
#include "store/s3/sigv4.h"
#include "store/s3/xml.h"

namespace floe::store {
namespace {

constexpr char kInstanceService[] = "http://169.254.169.254";
constexpr char kContainerService[] = "http://169.254.170.2";
constexpr char kRolePath[] = "/latest/meta-data/iam/security-credentials/";
constexpr size_t kMaxAnswerBytes = 256 << 10;
constexpr uint64_t kMaxTokenBytes = 64 << 10;
constexpr std::chrono::seconds kServiceDeadline{5};
constexpr std::chrono::seconds kFirstContact{2};  // where there is no such service, nobody answers

// What a service sent, read by `parse` and wiped; `what` is noted as its source.
absl::StatusOr<S3Credentials> Taken(const net::AsyncHttpAnswer& answer,
                                    absl::StatusOr<S3Credentials> (*parse)(absl::string_view),
                                    const std::string& what) {
  absl::StatusOr<S3Credentials> credentials = parse(AsText(*answer.body));
  Wipe(*answer.body);
  if (!credentials.ok()) {
    return absl::UnavailableError(absl::StrCat(what, ": ", credentials.status().message()));
  }
  credentials->source = what;
  return credentials;
}

std::string TextOf(const net::AsyncHttpAnswer& answer) { return std::string(AsText(*answer.body)); }

absl::StatusOr<std::shared_ptr<const Secret>> ReadToken(const std::string& path) {
  absl::StatusOr<Bytes> bytes = ReadWholeFile(path, kMaxTokenBytes);
  if (!bytes.ok()) return bytes.status();
  auto token = std::make_shared<const Secret>(
      Secret::Copy(AsBytes(absl::StripAsciiWhitespace(AsText(*bytes)))));
  Wipe(*bytes);
  if (token->empty()) return absl::FailedPreconditionError(absl::StrCat(path, " is empty"));
  return token;
}

class FromInstance : public CredentialsSource {
 public:
  FromInstance(Environment environment, net::AsyncHttp& http)
      : environment_(std::move(environment)), http_(http) {}

  absl::StatusOr<S3Credentials> Fetch() override {
    const std::string full = environment_("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const std::string relative = environment_("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    if (!full.empty()) return FromContainer(full);
    if (!relative.empty()) return FromContainer(absl::StrCat(kContainerService, relative));
    if (absl::EqualsIgnoreCase(environment_("AWS_EC2_METADATA_DISABLED"), "true")) {
      return absl::NotFoundError("AWS_EC2_METADATA_DISABLED is set");
    }
    return FromMetadata();
  }

 private:
  absl::StatusOr<net::AsyncHttpAnswer> Ask(net::AsyncHttpRequest request,
                                           std::chrono::seconds patience) {
    request.deadline = Clock::Real().Now() + patience;
    request.max_answer_bytes = kMaxAnswerBytes;
    return net::SendAndWait(http_, std::move(request));
  }

  absl::StatusOr<S3Credentials> FromContainer(const std::string& url) {
    net::AsyncHttpRequest request;
    request.url = url;
    const std::string file = environment_("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const std::string token = environment_("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (!file.empty()) {
      FLOE_ASSIGN_OR_RETURN(auto secret, ReadToken(file));
      request.secret_headers.emplace_back("Authorization", std::move(secret));
    } else if (!token.empty()) {
      request.secret_headers.emplace_back(
          "Authorization", std::make_shared<const Secret>(Secret::Copy(AsBytes(token))));
    }
    const std::string what = absl::StrCat("the container's credentials at ", net::DisplayUrl(url));
    auto answer = Ask(std::move(request), kServiceDeadline);
    if (!answer.ok()) return Annotate(answer.status(), what);
    return Parsed(*answer, what);
  }

  absl::StatusOr<S3Credentials> FromMetadata() {
    std::string service = environment_("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const bool named = !service.empty();
    if (!named) service = kInstanceService;
    if (absl::EndsWith(service, "/")) service.pop_back();
    const std::string what = absl::StrCat("the instance metadata at ", service);
    net::AsyncHttpRequest session;
    session.method = "PUT";
    session.url = service + "/latest/api/token";
    session.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}};
    auto token = Ask(std::move(session), kFirstContact);
    if (!token.ok() && !named && !seen_) return absl::NotFoundError(what + " does not answer");
    if (!token.ok())
      return absl::UnavailableError(absl::StrCat(what, ": ", token.status().message()));
    seen_ = true;
    if (token->status != 200) return BadAnswer(*token, what);
    const auto secret = std::make_shared<const Secret>(Secret::Copy(*token->body));
    Wipe(*token->body);
    FLOE_ASSIGN_OR_RETURN(const net::AsyncHttpAnswer role, Metadata(service + kRolePath, secret));
    if (role.status == 404) return absl::NotFoundError(what + " knows no role of this machine");
    if (role.status != 200) return BadAnswer(role, what);
    const std::string name(absl::StripAsciiWhitespace(TextOf(role)));
    FLOE_ASSIGN_OR_RETURN(
        const net::AsyncHttpAnswer keys,
        Metadata(absl::StrCat(service, kRolePath, UriEncode(name, false)), secret));
    return Parsed(keys, absl::StrCat(what, ", role ", name));
  }

  absl::StatusOr<net::AsyncHttpAnswer> Metadata(const std::string& url,
                                                const std::shared_ptr<const Secret>& token) {
    net::AsyncHttpRequest request;
    request.url = url;
    request.secret_headers.emplace_back("X-aws-ec2-metadata-token", token);
    return Ask(std::move(request), kServiceDeadline);
  }

  static absl::Status BadAnswer(const net::AsyncHttpAnswer& answer, const std::string& what) {
    return absl::UnavailableError(absl::StrCat(what, ": HTTP status ", answer.status));
  }

  static absl::StatusOr<S3Credentials> Parsed(const net::AsyncHttpAnswer& answer,
                                              const std::string& what) {
    if (answer.status != 200) return BadAnswer(answer, what);
    return Taken(answer, ParseCredentialsJson, what);
  }

  const Environment environment_;
  net::AsyncHttp& http_;
  bool seen_ = false;  // the metadata service answered once: then its silence is a failure
};

class FromWebIdentity : public CredentialsSource {
 public:
  FromWebIdentity(Environment environment, std::string region, net::AsyncHttp& http,
                  std::shared_ptr<const net::TlsOptions> tls)
      : environment_(std::move(environment)),
        region_(std::move(region)),
        http_(http),
        tls_(std::move(tls)) {}

  absl::StatusOr<S3Credentials> Fetch() override {
    const std::string file = environment_("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (file.empty()) return absl::NotFoundError("AWS_WEB_IDENTITY_TOKEN_FILE is not set");
    FLOE_ASSIGN_OR_RETURN(const auto token, ReadToken(file));
    const std::string what = absl::StrCat("the web identity at ", net::DisplayUrl(Endpoint()));
    net::AsyncHttpRequest request;
    request.method = "POST";
    request.url = Endpoint() + "/";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    const auto form = std::make_shared<Bytes>(Form(*token));
    request.body = form;
    request.tls = tls_;
    request.deadline = Clock::Real().Now() + 2 * kServiceDeadline;
    request.max_answer_bytes = kMaxAnswerBytes;
    auto answer = net::SendAndWait(http_, std::move(request));
    Wipe(*form);
    if (!answer.ok()) return Annotate(answer.status(), what);
    return Parsed(*answer, what);
  }

 private:
  std::string Endpoint() const {
    std::string named = environment_("AWS_ENDPOINT_URL_STS");
    if (absl::EndsWith(named, "/")) named.pop_back();
    if (!named.empty()) return named;
    return absl::StrCat("https://sts.", region_, ".amazonaws.com",
                        absl::StartsWith(region_, "cn-") ? ".cn" : "");
  }

  Bytes Form(const Secret& token) const {
    std::string session = environment_("AWS_ROLE_SESSION_NAME");
    if (session.empty()) session = "floe";
    std::string text =
        absl::StrCat("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=",
                     UriEncode(session, false), "&WebIdentityToken=");
    // Tokens are base64url and dots, which need no encoding; anything else must not smuggle fields.
    std::string encoded = UriEncode(AsText(token.view()), false);
    absl::StrAppend(&text, encoded);
    Wipe({reinterpret_cast<uint8_t*>(encoded.data()), encoded.size()});
    const std::string role = environment_("AWS_ROLE_ARN");
    if (!role.empty()) absl::StrAppend(&text, "&RoleArn=", UriEncode(role, false));
    const ByteView bytes = AsBytes(text);
    Bytes form(bytes.begin(), bytes.end());
    Wipe({reinterpret_cast<uint8_t*>(text.data()), text.size()});
    return form;
  }

  static absl::StatusOr<S3Credentials> Parsed(const net::AsyncHttpAnswer& answer,
                                              const std::string& what) {
    if (answer.status != 200) {
      const absl::StatusOr<XmlElement> root = ParseXml(AsText(*answer.body));
      const XmlElement* error = root.ok() ? root->Child("Error") : nullptr;
      const std::string text =
          absl::StrCat(what, ": HTTP status ", answer.status, error == nullptr ? "" : " ",
                       error == nullptr ? "" : error->ChildText("Code"),
                       "; check AWS_ROLE_ARN, the role's trust policy and the age of the token");
      if (answer.status >= 500) return absl::UnavailableError(text);
      return absl::FailedPreconditionError(text);
    }
    return Taken(answer, ParseStsAnswer, what);
  }

  const Environment environment_;
  const std::string region_;
  net::AsyncHttp& http_;
  const std::shared_ptr<const net::TlsOptions> tls_;
};

}  // namespace

std::unique_ptr<CredentialsSource> InstanceCredentials(const CredentialsPlaces& places,
                                                       net::AsyncHttp& http) {
  return std::make_unique<FromInstance>(places.environment, http);
}

std::unique_ptr<CredentialsSource> WebIdentityCredentials(
    const CredentialsPlaces& places, const std::string& region, net::AsyncHttp& http,
    std::shared_ptr<const net::TlsOptions> tls) {
  return std::make_unique<FromWebIdentity>(places.environment, region, http, std::move(tls));
}

}  // namespace floe::store
