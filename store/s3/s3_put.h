// SPDX-License-Identifier: Apache-2.0
// What the files of puts share.
#pragma once

#include <string>

#include "store/s3/s3_object_store.h"
#include "store/seal/cipher.h"

namespace floe::store {

// One put, whole or in parts. One request of it is under way at a time.
struct S3ObjectStore::PutCall {
  std::string name;
  SealedBytes bytes;
  Sha256Digest digest{};
  RequestOptions options;
  PutCallback done;
  bool replace = false;
  bool asked_first = false;  // the last attempt
  int attempts = 0;
};

// As x-amz-checksum-sha256 wants it.
std::string Base64Sha256(const Sha256Digest& digest);

}  // namespace floe::store
