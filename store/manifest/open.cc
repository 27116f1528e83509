// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "store/manifest/format.h"
#include "store/manifest/keys.h"
#include "store/manifest/table.h"

namespace floe::store {
namespace {

absl::Status Forged(const ManifestId& id, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("manifest ", id.ToHex(), ": ", what,
                                          "; convert the image again, or pull it again"));
}

ChunkId IdAt(ByteView ids, size_t index) {
  ChunkId id;
  std::memcpy(id.bytes.data(), ids.data() + 32 * index, 32);
  return id;
}

// The header's maxima bound what a reader allocates, so they must be true.
absl::Status CheckMaxima(const ManifestParts& parts, const Manifest& manifest) {
  uint32_t max_raw = 0;
  uint32_t max_sealed = 0;
  for (const ChunkRef& chunk : manifest.chunks) {
    max_raw = std::max(max_raw, chunk.raw_length);
    max_sealed = std::max(max_sealed, chunk.sealed_length);
  }
  if (max_raw != parts.header.max_raw || max_sealed != parts.header.max_sealed) {
    return absl::InvalidArgumentError("manifest: its header and its table disagree");
  }
  return absl::OkStatus();
}

absl::StatusOr<Manifest> OpenParts(const ManifestParts& parts, const Secret& file_key) {
  if (file_key.size() != 32 || DeriveCommit(file_key) != parts.header.commit) {
    return Forged(parts.id, "the recipient's key is not the key it was encrypted with");
  }
  const size_t header_and_ids = kManifestHeaderBytes + parts.ids.size();
  Key256 table_key = DeriveTableKey(file_key);
  auto wipe = absl::MakeCleanup([&] { Wipe(table_key); });
  Secret table(parts.header.table_length);
  if (!GcmOpenNonceZero(table_key, parts.body.first(header_and_ids), parts.table,
                        table.mutable_view())) {
    return Forged(parts.id, "its table was altered");
  }
  Manifest manifest;
  manifest.id = parts.id;
  manifest.image_size = parts.header.image_size;
  manifest.birth_root = parts.header.birth_root;
  manifest.domain_id = parts.header.domain_id;
  FLOE_RETURN_IF_ERROR(DecodeTable(table.view(), parts.header, manifest));
  for (size_t i = 0; i < manifest.chunks.size(); ++i) manifest.chunks[i].id = IdAt(parts.ids, i);
  FLOE_RETURN_IF_ERROR(CheckManifest(manifest));
  FLOE_RETURN_IF_ERROR(CheckMaxima(parts, manifest));
  return manifest;
}

absl::StatusOr<ManifestParts> SplitTrusted(ByteView file, const TrustPolicy& trust) {
  FLOE_ASSIGN_OR_RETURN(ManifestParts parts, SplitManifest(file, ManifestForm::kFile));
  FLOE_RETURN_IF_ERROR(trust.Check(parts.id, parts.signatures));
  return parts;
}

absl::StatusOr<ManifestEnvelope> EnvelopeOf(absl::StatusOr<ManifestParts> split) {
  if (!split.ok()) return split.status();
  ManifestParts& parts = *split;
  ManifestEnvelope envelope;
  envelope.id = parts.id;
  envelope.version = kManifestVersion;
  envelope.image_size = parts.header.image_size;
  envelope.birth_root = parts.header.birth_root;
  envelope.domain_id = parts.header.domain_id;
  envelope.signatures = std::move(parts.signatures);
  envelope.recipients = std::move(parts.recipients);
  envelope.packs = parts.packs;
  envelope.ids.reserve(parts.header.chunks);
  for (size_t i = 0; i < parts.header.chunks; ++i) envelope.ids.push_back(IdAt(parts.ids, i));
  return envelope;
}

}  // namespace

absl::StatusOr<ManifestEnvelope> ParseManifestEnvelope(ByteView file) {
  return EnvelopeOf(SplitManifest(file, ManifestForm::kFile));
}

absl::StatusOr<ManifestEnvelope> ParseManifestRecord(ByteView record) {
  return EnvelopeOf(SplitManifest(record, ManifestForm::kRecord));
}

absl::StatusOr<Manifest> OpenManifest(ByteView file, const TrustPolicy& trust, const KeyRing& keys,
                                      Secret* file_key) {
  FLOE_ASSIGN_OR_RETURN(const ManifestParts parts, SplitTrusted(file, trust));
  auto unwrapped = keys.Unwrap(parts.recipients);
  if (!unwrapped.ok()) {
    return Annotate(unwrapped.status(), absl::StrCat("manifest ", parts.id.ToHex()));
  }
  FLOE_ASSIGN_OR_RETURN(Manifest manifest, OpenParts(parts, *unwrapped));
  if (file_key != nullptr) *file_key = std::move(*unwrapped);
  return manifest;
}

absl::StatusOr<Manifest> OpenManifestWithFileKey(ByteView file, const TrustPolicy& trust,
                                                 const Secret& file_key) {
  FLOE_ASSIGN_OR_RETURN(const ManifestParts parts, SplitTrusted(file, trust));
  return OpenParts(parts, file_key);
}

}  // namespace floe::store
