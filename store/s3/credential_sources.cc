// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credential_sources.h"

#include <cstdlib>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"

namespace floe::store {
namespace {

constexpr uint64_t kMaxCredentialsFileBytes = 1 << 20;

class FromEnvironment : public CredentialsSource {
 public:
  explicit FromEnvironment(Environment environment) : environment_(std::move(environment)) {}

  absl::StatusOr<S3Credentials> Fetch() override {
    S3Credentials credentials;
    credentials.access_key_id = environment_("AWS_ACCESS_KEY_ID");
    credentials.secret_access_key = Secret::Copy(AsBytes(environment_("AWS_SECRET_ACCESS_KEY")));
    credentials.source = "the environment";
    if (credentials.access_key_id.empty() && credentials.secret_access_key.empty()) {
      return absl::NotFoundError("AWS_ACCESS_KEY_ID is not set");
    }
    if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
      return absl::FailedPreconditionError(
          "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set; set both or neither");
    }
    const std::string token = environment_("AWS_SESSION_TOKEN");
    if (!token.empty()) {
      credentials.session_token = std::make_shared<const Secret>(Secret::Copy(AsBytes(token)));
    }
    return credentials;
  }

 private:
  const Environment environment_;
};

class FromFile : public CredentialsSource {
 public:
  FromFile(const CredentialsPlaces& places, const std::string& profile)
      : places_(places), profile_(profile) {}

  absl::StatusOr<S3Credentials> Fetch() override {
    std::vector<std::string> tried;
    const std::string named = places_.environment("AWS_SHARED_CREDENTIALS_FILE");
    const std::string home = places_.environment("HOME");
    for (const std::string& path :
         named.empty() ? std::vector<std::string>{home.empty() ? "" : home + "/.aws/credentials",
                                                  places_.fallback_file}
                       : std::vector<std::string>{named}) {
      if (path.empty()) continue;
      absl::StatusOr<S3Credentials> credentials = FetchFrom(path);
      // The home of another user may not be looked into: the daemons gave up their rights.
      const bool passed = absl::IsNotFound(credentials.status()) ||
                          (named.empty() && path != places_.fallback_file &&
                           absl::IsPermissionDenied(credentials.status()));
      if (!passed) return credentials;
      tried.push_back(std::string(credentials.status().message()));
    }
    return absl::NotFoundError(absl::StrJoin(tried, "; "));
  }

 private:
  absl::StatusOr<S3Credentials> FetchFrom(const std::string& path) {
    absl::StatusOr<Bytes> text = ReadWholeFile(path, kMaxCredentialsFileBytes);
    if (!text.ok()) return text.status();
    absl::StatusOr<S3Credentials> credentials = ParseCredentialsFile(AsText(*text), Profile());
    Wipe(*text);
    if (!credentials.ok()) return Annotate(credentials.status(), path);
    credentials->source = absl::StrCat("the section [", Profile(), "] of ", path);
    return credentials;
  }

  std::string Profile() const {
    if (!profile_.empty()) return profile_;
    const std::string chosen = places_.environment("AWS_PROFILE");
    return chosen.empty() ? "default" : chosen;
  }

  const CredentialsPlaces places_;
  const std::string profile_;
};

// The first of several that has any.
class FirstOf : public CredentialsSource {
 public:
  explicit FirstOf(std::vector<std::unique_ptr<CredentialsSource>> sources)
      : sources_(std::move(sources)) {}

  absl::StatusOr<S3Credentials> Fetch() override {
    std::vector<std::string> tried;
    for (const auto& source : sources_) {
      absl::StatusOr<S3Credentials> credentials = source->Fetch();
      if (!absl::IsNotFound(credentials.status())) return credentials;
      tried.push_back(std::string(credentials.status().message()));
    }
    return absl::NotFoundError(absl::StrJoin(tried, "; "));
  }

 private:
  const std::vector<std::unique_ptr<CredentialsSource>> sources_;
};

}  // namespace

std::string SystemEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::unique_ptr<CredentialsSource> EnvironmentCredentials(const CredentialsPlaces& places) {
  return std::make_unique<FromEnvironment>(places.environment);
}

std::unique_ptr<CredentialsSource> FileCredentials(const CredentialsPlaces& places,
                                                   const std::string& profile) {
  return std::make_unique<FromFile>(places, profile);
}

std::unique_ptr<CredentialsSource> CredentialsFor(const S3Address& address,
                                                  const std::string& region,
                                                  const CredentialsPlaces& places,
                                                  net::AsyncHttp& http,
                                                  std::shared_ptr<const net::TlsOptions> tls) {
  switch (address.credentials) {
    case S3CredentialsKind::kEnvironment:
      return EnvironmentCredentials(places);
    case S3CredentialsKind::kFile:
      return FileCredentials(places, address.profile);
    case S3CredentialsKind::kInstance:
      return InstanceCredentials(places, http);
    case S3CredentialsKind::kWebIdentity:
      return WebIdentityCredentials(places, region, http, std::move(tls));
    case S3CredentialsKind::kAuto:
      break;
  }
  // A profile that was asked for by name is meant before the environment.
  if (!address.profile.empty()) return FileCredentials(places, address.profile);
  std::vector<std::unique_ptr<CredentialsSource>> sources;
  sources.push_back(EnvironmentCredentials(places));
  sources.push_back(WebIdentityCredentials(places, region, http, std::move(tls)));
  sources.push_back(FileCredentials(places, ""));
  sources.push_back(InstanceCredentials(places, http));
  return std::make_unique<FirstOf>(std::move(sources));
}

}  // namespace floe::store
