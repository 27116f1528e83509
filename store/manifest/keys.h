// SPDX-License-Identifier: Apache-2.0
// The keys of a manifest, all from its file key (doc/manifest.md, "Keys").
#pragma once

#include "base/secret.h"
#include "store/seal/cipher.h"

namespace floe::store {

// `content`: SHA-256(HEADER with commit zero | IDS | plain TABLE). 32 bytes.
Secret DeriveFileKey(const Secret& domain_secret, const Sha256Digest& content);
// Encrypts TABLE. The caller wipes it.
Key256 DeriveTableKey(const Secret& file_key);
// Stands in the header, so that one file opens with one file key only: GCM alone would let a
// converter show two recipients two tables.
Key256 DeriveCommit(const Secret& file_key);

}  // namespace floe::store
