// SPDX-License-Identifier: Apache-2.0
// An S3 address made usable.
#pragma once

#include <memory>
#include <string>

#include "store/s3/credential_sources.h"
#include "store/s3/s3_object_store.h"

namespace floe::store {

struct OpenS3Options {
  CredentialsPlaces places;
  net::AsyncHttpOptions http;
  S3ObjectStoreOptions objects;
};

// Reads the authority's file and starts threads, but asks the server nothing: a wrong address or
// missing credentials show at the first request. The region is the address's, or that of AWS_REGION
// or AWS_DEFAULT_REGION, or us-east-1.
absl::StatusOr<std::shared_ptr<S3ObjectStore>> OpenS3(const S3Address& address,
                                                      const OpenS3Options& options = {});

// Whether puts if absent hold: one after the other, and two at once. FAILED_PRECONDITION: the
// server does not honour them, and must not hold a store. Leaves nothing behind, if deleting is
// allowed; else objects below trash/. Blocks.
absl::Status ProbeConditionalPuts(S3ObjectStore& objects);
// Whether ProbeConditionalPuts made an object of this name.
bool IsProbeName(absl::string_view name);

}  // namespace floe::store
