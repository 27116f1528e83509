// SPDX-License-Identifier: Apache-2.0
// Ed25519 signatures of manifests, and whom a node trusts.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "store/chunk_id.h"

namespace floe::store {

using KeyId = std::array<uint8_t, 32>;  // SHA-256 of the public key

struct Signature {
  KeyId key_id{};
  std::array<uint8_t, 64> signature{};
};

struct VerifyingKey {
  KeyId id{};
  std::array<uint8_t, 32> public_key{};
  std::string name;  // for people: the file's stem, or a comment
};

class SigningKey {
 public:
  static absl::StatusOr<SigningKey> Generate();
  static absl::StatusOr<SigningKey> FromSeed(const Secret& seed);  // 32 bytes
  absl::StatusOr<Signature> Sign(const ManifestId& manifest) const;
  const VerifyingKey& verifying_key() const { return verifying_key_; }
  const Secret& seed() const { return seed_; }

 private:
  SigningKey() = default;
  Secret seed_;
  VerifyingKey verifying_key_;
};

// Which signatures a node accepts. Immutable, thread safe.
struct TrustPolicy {
  std::vector<VerifyingKey> trusted;
  bool allow_unsigned = false;  // an explicit setting: a mounted image is bytes the kernel parses

  // PERMISSION_DENIED naming the signers found and the remedy.
  absl::Status Check(const ManifestId& manifest, const std::vector<Signature>& signatures) const;
  // Every *.pub of `directory`; a missing directory is an empty policy.
  static absl::StatusOr<TrustPolicy> Load(const std::string& directory);
};

}  // namespace floe::store
