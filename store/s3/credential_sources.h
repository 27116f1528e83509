// SPDX-License-Identifier: Apache-2.0
// Where S3 credentials are looked for: the same places, variables and files as other programs that
// use AWS look at.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "net/async_http.h"
#include "store/s3/credentials.h"
#include "store/s3/s3_address.h"

namespace floe::store {

// The value of an environment variable, "" when it is not set. Thread safe.
using Environment = std::function<std::string(const char* name)>;
std::string SystemEnvironment(const char* name);

struct CredentialsPlaces {
  Environment environment = SystemEnvironment;
  // What is read when neither a variable nor the home directory names a file: the daemons have no
  // home.
  std::string fallback_file = "/etc/floe/s3-credentials";
};

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
std::unique_ptr<CredentialsSource> EnvironmentCredentials(const CredentialsPlaces& places);
// The shared credentials file: AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials, the fallback; the
// section `profile`, or that of AWS_PROFILE, or "default".
std::unique_ptr<CredentialsSource> FileCredentials(const CredentialsPlaces& places,
                                                   const std::string& profile);
// A container's endpoint (AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI), else the instance
// metadata service, version 2. `http` is borrowed.
std::unique_ptr<CredentialsSource> InstanceCredentials(const CredentialsPlaces& places,
                                                       net::AsyncHttp& http);
// AssumeRoleWithWebIdentity of STS: AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN,
// AWS_ROLE_SESSION_NAME; at AWS_ENDPOINT_URL_STS or the region's STS. `http` is borrowed.
std::unique_ptr<CredentialsSource> WebIdentityCredentials(
    const CredentialsPlaces& places, const std::string& region, net::AsyncHttp& http,
    std::shared_ptr<const net::TlsOptions> tls);

// What `address` says; kAuto: the first of environment, web identity, file, container and instance
// that has any. Its NOT_FOUND lists where it looked.
std::unique_ptr<CredentialsSource> CredentialsFor(const S3Address& address,
                                                  const std::string& region,
                                                  const CredentialsPlaces& places,
                                                  net::AsyncHttp& http,
                                                  std::shared_ptr<const net::TlsOptions> tls);

// The keys of one section of a credentials file. NOT_FOUND when there is no such section,
// INVALID_ARGUMENT when it has no keys.
absl::StatusOr<S3Credentials> ParseCredentialsFile(absl::string_view text,
                                                   const std::string& profile);
// What the metadata services answer. Its text never repeats what it read.
absl::StatusOr<S3Credentials> ParseCredentialsJson(absl::string_view text);
// The answer of AssumeRoleWithWebIdentity.
absl::StatusOr<S3Credentials> ParseStsAnswer(absl::string_view text);

}  // namespace floe::store
