// SPDX-License-Identifier: Apache-2.0
// Digests as registries write them: "sha256:" and 64 lower-case hexadecimal digits.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/sha256.h"
#include "base/status.h"

namespace floe::oci {

// OK for a well-formed sha256 digest. INVALID_ARGUMENT names `what` and the digest, also for other
// algorithms, which floe does not verify and therefore refuses.
absl::Status CheckDigest(absl::string_view digest, absl::string_view what);

std::string DigestString(const Sha256Digest& digest);
std::string DigestOf(ByteView bytes);

// The 64 digits after "sha256:". `digest` must have passed CheckDigest.
absl::string_view DigestHex(absl::string_view digest);

}  // namespace floe::oci
