// SPDX-License-Identifier: Apache-2.0
#include "oci/digest.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace floe::oci {
namespace {

constexpr char kPrefix[] = "sha256:";

}  // namespace

absl::Status CheckDigest(absl::string_view digest, absl::string_view what) {
  absl::string_view hex = digest;
  if (!absl::ConsumePrefix(&hex, kPrefix)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": digest \"", digest.substr(0, 200), "\" is not of the form ",
                     "sha256:<64 hexadecimal digits>, the only algorithm that floe verifies"));
  }
  if (hex.size() != 64 || !FromHex(hex)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": digest \"", digest.substr(0, 200),
                     "\" does not have 64 lower-case hexadecimal digits after \"sha256:\""));
  }
  return absl::OkStatus();
}

std::string DigestString(const Sha256Digest& digest) {
  return absl::StrCat(kPrefix, ToHex(digest));
}

std::string DigestOf(ByteView bytes) { return DigestString(Sha256::Of(bytes)); }

absl::string_view DigestHex(absl::string_view digest) {
  absl::ConsumePrefix(&digest, kPrefix);
  return digest;
}

}  // namespace floe::oci
