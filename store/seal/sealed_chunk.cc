// SPDX-License-Identifier: Apache-2.0
#include "store/seal/sealed_chunk.h"

#include "absl/strings/str_cat.h"
#include "store/seal/cipher.h"

namespace floe::store {

absl::StatusOr<VerifiedSealed> VerifyById(const ChunkId& id, SealedBytes bytes) {
  const Sha256Digest digest = Sha256(*bytes);
  if (digest != id.bytes) {
    return absl::DataLossError(absl::StrCat("chunk ", id.ToHex(), ": the ", bytes->size(),
                                            " bytes received hash to ", ToHex(digest)));
  }
  return VerifiedSealed(id, std::move(bytes));
}

VerifiedSealed NameSealed(SealedBytes bytes) {
  const ChunkId id{Sha256(*bytes)};
  return VerifiedSealed(id, std::move(bytes));
}

}  // namespace floe::store
