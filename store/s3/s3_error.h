// SPDX-License-Identifier: Apache-2.0
// What an answer of S3 that is no success means.
#pragma once

#include <string>

#include "base/status.h"
#include "net/async_http.h"

namespace floe::store {

struct S3Failure {
  std::string code;        // "NoSuchKey"; "" when the answer has none (HEAD, a proxy's page)
  std::string message;     // of the server, cut and cleaned
  std::string request_id;  // "" when there is none
  std::string region;      // the bucket's, where the server tells it
};
S3Failure ParseS3Failure(const net::AsyncHttpAnswer& answer);

// The server does not know these credentials (any more): newer ones may help.
bool MeansStaleCredentials(const net::AsyncHttpAnswer& answer, const S3Failure& failure);

// `what` names operation, bucket and object: "get s3://bucket/key". The text adds HTTP status,
// code, request id and the remedy. NOT_FOUND: no such object; PERMISSION_DENIED; UNAVAILABLE
// (marked by SlowDown() where the server asks for less); RESOURCE_EXHAUSTED: full;
// FAILED_PRECONDITION: what no repetition helps.
absl::Status S3Error(absl::string_view what, const net::AsyncHttpAnswer& answer);

}  // namespace floe::store
