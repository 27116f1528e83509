// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "store/manifest/format.h"
#include "store/manifest/keys.h"
#include "store/manifest/table.h"

namespace floe::store {
namespace {

ManifestHeader HeaderOf(const Manifest& manifest, size_t table_length) {
  ManifestHeader header;
  header.chunks = static_cast<uint32_t>(manifest.chunks.size());
  header.extents = static_cast<uint32_t>(manifest.extents.size());
  header.image_size = manifest.image_size;
  header.table_length = table_length;
  header.birth_root = manifest.birth_root;
  header.domain_id = manifest.domain_id;
  for (const ChunkRef& chunk : manifest.chunks) {
    header.max_raw = std::max(header.max_raw, chunk.raw_length);
    header.max_sealed = std::max(header.max_sealed, chunk.sealed_length);
  }
  return header;
}

Bytes HeaderAndIds(const Manifest& manifest, const ManifestHeader& header) {
  LittleEndianWriter out;
  EncodeHeader(header, out);
  for (const ChunkRef& chunk : manifest.chunks) out.PutBytes(chunk.id.bytes);
  return out.Take();
}

// FK from everything that the body says, so that other content has another key.
Secret FileKeyOf(ByteView header_and_ids, const Secret& table, const Secret& domain_secret) {
  Sha256Hasher hasher;
  hasher.Update(header_and_ids);
  hasher.Update(table.view());
  return DeriveFileKey(domain_secret, hasher.Finish());
}

struct SealedBody {
  Bytes body;
  Secret file_key;
};

SealedBody SealBody(const Manifest& manifest, const Secret& domain_secret) {
  const Secret table = EncodeTable(manifest);
  ManifestHeader header = HeaderOf(manifest, table.size());
  SealedBody sealed;
  sealed.file_key =
      FileKeyOf(HeaderAndIds(manifest, header), table, domain_secret);  // commit is zero here
  header.commit = DeriveCommit(sealed.file_key);
  sealed.body = HeaderAndIds(manifest, header);
  const Bytes associated = sealed.body;
  sealed.body.resize(associated.size() + table.size() + kGcmTagBytes);
  Key256 table_key = DeriveTableKey(sealed.file_key);
  GcmSealNonceZero(table_key, associated, table.view(),
                   MutableByteView(sealed.body).subspan(associated.size()));
  Wipe(table_key);
  return sealed;
}

absl::Status CheckInputs(const Manifest& manifest, const Secret& domain_secret,
                         const std::vector<const SigningKey*>& signers) {
  FLOE_RETURN_IF_ERROR(CheckManifest(manifest));
  if (domain_secret.empty() ? manifest.domain_id != kPublicDomain : domain_secret.size() != 32) {
    return absl::InvalidArgumentError(
        "manifest: a domain secret has 32 bytes; only the domain \"public\" has none");
  }
  if (signers.size() > kMaxSignatures) {
    return absl::InvalidArgumentError(
        absl::StrCat(signers.size(), " signers; at most ", kMaxSignatures, " allowed"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<EncodedManifest> EncodeManifest(const Manifest& manifest,
                                               const Secret& domain_secret,
                                               const std::vector<const SigningKey*>& signers,
                                               const std::vector<Recipient>& recipients) {
  FLOE_RETURN_IF_ERROR(CheckInputs(manifest, domain_secret, signers));
  const SealedBody sealed = SealBody(manifest, domain_secret);
  EncodedManifest encoded;
  encoded.id = ManifestId{Sha256(sealed.body)};
  std::vector<Signature> signatures;
  for (const SigningKey* signer : signers) {
    FLOE_ASSIGN_OR_RETURN(const Signature signature, signer->Sign(encoded.id));
    signatures.push_back(signature);
  }
  std::vector<RecipientStanza> stanzas;
  for (const Recipient& recipient : recipients) {
    FLOE_ASSIGN_OR_RETURN(RecipientStanza stanza, recipient.Wrap(sealed.file_key));
    stanzas.push_back(std::move(stanza));
  }
  LittleEndianWriter out;
  out.PutBytes(sealed.body);
  EncodeSignatures(signatures, out);
  encoded.body_and_signatures.assign(out.view().begin(), out.view().end());
  FLOE_RETURN_IF_ERROR(EncodeRecipients(stanzas, out));
  out.Put(uint32_t{0});  // no start packs
  encoded.file = out.Take();
  if (encoded.file.size() > kMaxManifestBytes) {
    return absl::InvalidArgumentError("manifest: longer than 256 MiB; use larger chunks");
  }
  return encoded;
}

}  // namespace floe::store
