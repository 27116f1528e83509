// SPDX-License-Identifier: Apache-2.0
// The manifest: the table that turns an offset of the flat image into chunk id and key.
// Grammar and rules: doc/manifest.md (store.md, "Manifest").
//
//   FILE = BODY | SIGNATURES | RECIPIENTS | PACKS            manifest id = SHA-256(BODY)
//   BODY = HEADER(256) | IDS(32 n) | TABLE (encrypted) | TAG(16)
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "store/keys/recipients.h"
#include "store/keys/signing.h"
#include "store/seal/seal.h"

namespace floe::store {

inline constexpr char kManifestMagic[9] = "FLOEMAN1";  // first 8 bytes of a manifest file
inline constexpr size_t kMaxManifestBytes = 256 << 20;

// A run of blocks of the flat image that one chunk fills from its start.
struct Extent {
  uint32_t first_block = 0;
  uint32_t chunk = 0;  // index into Manifest::chunks
};

// Facts about the conversion, kept in the encrypted table.
struct ManifestFacts {
  std::string source_digest;       // of the source image manifest: "sha256:..."
  std::string platform;            // "linux/amd64"
  uint32_t layout_version = 1;     // how the flat image was laid out
  std::string chunker_parameters;  // "cdc 65536/131072/1048576"
  std::string codec_parameters;    // "zstd 3"
};

// An opened manifest, or one about to be written. Chunks ascend by id and are unique; extents
// ascend by first_block and do not overlap; what no extent covers reads as zeros.
struct Manifest {
  ManifestId id;            // of an opened one
  uint64_t image_size = 0;  // bytes, a multiple of kBlockBytes
  RootId birth_root{};
  DomainId domain_id{};
  ManifestFacts facts;
  ChunkRefs chunks;
  std::vector<Extent> extents;

  Manifest() = default;
  Manifest(Manifest&&) = default;
  Manifest& operator=(Manifest&&) = default;
  Manifest(const Manifest&) = delete;
  Manifest& operator=(const Manifest&) = delete;
};

struct EncodedManifest {
  Bytes file;                 // FILE: what travels in the image's layer
  Bytes body_and_signatures;  // the record r/<root>/m/<manifest>
  ManifestId id;
};

// Encodes, signs and wraps. INVALID_ARGUMENT when the manifest breaks its rules.
absl::StatusOr<EncodedManifest> EncodeManifest(const Manifest& manifest,
                                               const Secret& domain_secret,
                                               const std::vector<const SigningKey*>& signers,
                                               const std::vector<Recipient>& recipients);

// What a reader sees without keys.
struct ManifestEnvelope {
  ManifestId id;
  uint16_t version = 0;
  uint64_t image_size = 0;
  RootId birth_root{};
  DomainId domain_id{};
  std::vector<ChunkId> ids;
  std::vector<Signature> signatures;
  std::vector<RecipientStanza> recipients;
  size_t packs = 0;
};
// Bounds and grammar only. FAILED_PRECONDITION for a newer version or an unknown critical flag,
// INVALID_ARGUMENT for anything malformed.
absl::StatusOr<ManifestEnvelope> ParseManifestEnvelope(ByteView file);
// The same for a record BODY | SIGNATURES of the store.
absl::StatusOr<ManifestEnvelope> ParseManifestRecord(ByteView record);

// Reader's order (store.md): bounds, signature, unwrap, commit, open, table checks.
// PERMISSION_DENIED: no trusted signature, or no recipient key opens it; the text says which and
// what to do. DATA_LOSS: commit or tag mismatch. `file_key` (optional) receives the file key.
absl::StatusOr<Manifest> OpenManifest(ByteView file, const TrustPolicy& trust, const KeyRing& keys,
                                      Secret* file_key = nullptr);
// The same with a file key that was unwrapped before (held by the keeper).
absl::StatusOr<Manifest> OpenManifestWithFileKey(ByteView file, const TrustPolicy& trust,
                                                 const Secret& file_key);

}  // namespace floe::store
