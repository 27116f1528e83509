// SPDX-License-Identifier: Apache-2.0
// The manifest's table: chunk keys and lengths, extents, facts. It is encrypted in the file; here
// is its plain form, which is secret.
#pragma once

#include "base/secret.h"
#include "base/status.h"
#include "store/manifest/format.h"

namespace floe::store {

// The rules that any manifest keeps (manifest.h, doc/manifest.md). INVALID_ARGUMENT names the first
// one broken and where.
absl::Status CheckManifest(const Manifest& manifest);

// Plain TABLE of a manifest that passed CheckManifest.
Secret EncodeTable(const Manifest& manifest);

// Fills chunks (but for their ids), extents and facts from a plain TABLE, sizes as `header` says.
// INVALID_ARGUMENT when malformed.
absl::Status DecodeTable(ByteView table, const ManifestHeader& header, Manifest& manifest);

}  // namespace floe::store
