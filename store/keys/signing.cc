// SPDX-License-Identifier: Apache-2.0
#include "store/keys/signing.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "store/keys/key_text.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

// "floe/manifest/v1\0" | manifest id: a signature of a manifest is one of nothing else.
Bytes SignedMessage(const ManifestId& manifest) {
  const absl::string_view context("floe/manifest/v1\0", 17);
  Bytes message(AsBytes(context).begin(), AsBytes(context).end());
  message.insert(message.end(), manifest.bytes.begin(), manifest.bytes.end());
  return message;
}

absl::Status Untrusted(const ManifestId& manifest, const std::vector<Signature>& signatures) {
  const std::string start = absl::StrCat("manifest ", manifest.ToHex(), " ");
  if (signatures.empty()) {
    return absl::PermissionDeniedError(absl::StrCat(
        start,
        "is not signed; convert it with a signing key, or set allow_unsigned if you trust every "
        "image that can reach this machine"));
  }
  std::vector<std::string> signers;
  for (const Signature& signature : signatures) signers.push_back(ToHex(signature.key_id));
  return absl::PermissionDeniedError(absl::StrCat(
      start, "has no valid signature of a trusted key; it names ", absl::StrJoin(signers, ", "),
      "; if you trust that signer, run `floe key trust FILE` with its public key "
      "(`floe key export --signer FILE` there)"));
}

}  // namespace

absl::StatusOr<SigningKey> SigningKey::Generate() {
  Secret seed(32);
  RandomBytes(seed.mutable_view());
  return FromSeed(seed);
}

absl::StatusOr<SigningKey> SigningKey::FromSeed(const Secret& seed) {
  if (seed.size() != 32) {
    return absl::InvalidArgumentError("a signing key's seed has 32 bytes");
  }
  SigningKey key;
  key.seed_ = seed.Clone();
  key.verifying_key_.public_key = Ed25519PublicKey(seed);
  key.verifying_key_.id = Sha256(key.verifying_key_.public_key);
  return key;
}

absl::StatusOr<Signature> SigningKey::Sign(const ManifestId& manifest) const {
  return Signature{verifying_key_.id, Ed25519Sign(seed_, SignedMessage(manifest))};
}

absl::Status TrustPolicy::Check(const ManifestId& manifest,
                                const std::vector<Signature>& signatures) const {
  if (allow_unsigned) return absl::OkStatus();
  const Bytes message = SignedMessage(manifest);
  for (const Signature& signature : signatures) {
    for (const VerifyingKey& key : trusted) {
      if (key.id == signature.key_id &&
          Ed25519Verify(key.public_key, message, signature.signature)) {
        return absl::OkStatus();
      }
    }
  }
  return Untrusted(manifest, signatures);
}

absl::StatusOr<TrustPolicy> TrustPolicy::Load(const std::string& directory) {
  TrustPolicy policy;
  FLOE_ASSIGN_OR_RETURN(const std::vector<std::string> files, KeyFilesIn(directory, ".pub"));
  for (const std::string& file : files) {
    FLOE_ASSIGN_OR_RETURN(const std::vector<KeyEntry> entries,
                          ReadKeyFile(file, KeyFileAccess::kPublic));
    for (const KeyEntry& entry : entries) {
      if (entry.kind != KeyEntry::Kind::kSigner) {
        return absl::InvalidArgumentError(
            absl::StrCat(file, ": a trusted signer's file holds \"signer\" lines only"));
      }
      VerifyingKey key = VerifyingKeyOf(entry);
      key.name = std::filesystem::path(file).stem().string();
      policy.trusted.push_back(std::move(key));
    }
  }
  return policy;
}

}  // namespace floe::store
