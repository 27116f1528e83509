// SPDX-License-Identifier: Apache-2.0
// Where an S3 store is, as people write it:
//
//   s3://BUCKET[/PREFIX][?endpoint=URL&region=R&style=path|virtual|auto&profile=P
//        &credentials=auto|environment|file|instance|web-identity&ca=FILE]
//
// No secrets in it: keys come from where `credentials` says.
#pragma once

#include <string>

#include "base/status.h"

namespace floe::store {

inline constexpr char kS3Scheme[] = "s3://";

enum class S3Style { kAuto, kPath, kVirtual };
enum class S3CredentialsKind { kAuto, kEnvironment, kFile, kInstance, kWebIdentity };

struct S3Address {
  std::string bucket;
  std::string prefix;    // "" or "a/b": object names go after "a/b/"
  std::string endpoint;  // "https://host[:port]"; "": AWS
  std::string region;    // "": from the environment, else us-east-1
  S3Style style = S3Style::kAuto;
  std::string profile;  // of the credentials file; "": from the environment, else "default"
  S3CredentialsKind credentials = S3CredentialsKind::kAuto;
  std::string ca_file;  // PEM, for the endpoint's certificate; "": the system's

  // As it is written.
  std::string ToString() const;
};

bool IsS3Address(absl::string_view address);
// INVALID_ARGUMENT says what is wrong and what there is.
absl::StatusOr<S3Address> ParseS3Address(absl::string_view address);

// How requests reach a bucket.
struct S3Place {
  std::string base_url;     // scheme and host, "https://bucket.s3.eu-west-1.amazonaws.com"
  std::string host;         // the header Host
  std::string path_prefix;  // before an object's name: "/" or "/bucket/"
};
S3Place PlaceOf(const S3Address& address, const std::string& region);

}  // namespace floe::store
