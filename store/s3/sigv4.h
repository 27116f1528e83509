// SPDX-License-Identifier: Apache-2.0
// AWS Signature Version 4: how a request proves who sends it, without sending the key. Pure
// functions. (Source: "Signature Version 4" in the documentation of AWS.)
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"

namespace floe::store {

using NameValues = std::vector<std::pair<std::string, std::string>>;

struct SigningScope {
  std::string region;   // "us-east-1"
  std::string service;  // "s3"
};

struct RequestToSign {
  std::string method;
  std::string path;    // not encoded, begins with '/'
  NameValues query;    // not encoded, any order
  NameValues headers;  // all that are signed, host and x-amz-date among them; any case and order
  // Signed as the header x-amz-security-token; borrowed, null: none.
  const Secret* session_token = nullptr;
  std::string payload_sha256;  // lower-case hexadecimal, or "UNSIGNED-PAYLOAD"
};

// Percent-encoded but for A-Z a-z 0-9 - _ . ~ (and '/' when `keep_slash`).
std::string UriEncode(absl::string_view text, bool keep_slash);
// The query as it is signed, and as it may be sent: encoded and sorted; without the '?'.
std::string CanonicalQuery(const NameValues& query);

// "20130524T000000Z"
std::string AmzDate(SystemTime time);

// The key of one day, region and service, derived from the secret access key.
Secret DeriveSigningKey(const Secret& secret_access_key, absl::string_view amz_date,
                        const SigningScope& scope);

// The value of the header Authorization. `amz_date` is also the value of x-amz-date.
std::string Authorization(const RequestToSign& request, absl::string_view access_key_id,
                          const Secret& signing_key, absl::string_view amz_date,
                          const SigningScope& scope);

}  // namespace floe::store
