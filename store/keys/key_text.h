// SPDX-License-Identifier: Apache-2.0
// The one text form of keys, for key files and bundles (doc/keys.md):
//
//   floe-keys-v1
//   recipient <id: 32 hex> <key: 64 hex>
//   signing <key id: 64 hex> <seed: 64 hex>
//   signer <key id: 64 hex> <public key: 64 hex> <name>
//   domain <domain id: 32 hex> <secret: 64 hex>
//   sum <SHA-256 of all lines before: 64 hex>
#pragma once

#include <string>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "store/keys/signing.h"

namespace floe::store {

struct KeyEntry {
  enum class Kind { kRecipient, kSigning, kSigner, kDomain };
  Kind kind = Kind::kRecipient;
  std::string id;    // hexadecimal, follows from the value except for a domain
  Secret value;      // 32 bytes; secret except for a signer's
  std::string name;  // of a signer
};

KeyEntry RecipientEntry(const Secret& key);
KeyEntry SigningEntry(const SigningKey& key);
KeyEntry SignerEntry(const VerifyingKey& key);
// REQUIRES: entry.kind is kSigner.
VerifyingKey VerifyingKeyOf(const KeyEntry& entry);

Secret FormatKeyText(const std::vector<KeyEntry>& entries);
// INVALID_ARGUMENT naming the line; FAILED_PRECONDITION for a newer form. Every id and the sum are
// checked.
absl::StatusOr<std::vector<KeyEntry>> ParseKeyText(absl::string_view text);

enum class KeyFileAccess {
  kSecret,  // PERMISSION_DENIED when group or others have any right
  kPublic,
};
// Errors name the file. NOT_FOUND when there is none.
absl::StatusOr<std::vector<KeyEntry>> ReadKeyFile(const std::string& path, KeyFileAccess access);
// Never replaces: ALREADY_EXISTS. Durable.
absl::Status WriteKeyFile(const std::string& path, const std::vector<KeyEntry>& entries,
                          KeyFileAccess access);
// Makes the key directory (0700) and, unless "", the folder `below` in it (0700). What is above the
// key directory gets 0755: it holds the configuration too.
absl::Status MakeKeyDirectory(const std::string& path, const std::string& below);
// Full paths, sorted; a missing directory has none.
absl::StatusOr<std::vector<std::string>> KeyFilesIn(const std::string& directory,
                                                    absl::string_view extension);

// `name` made fit for a file's stem: [A-Za-z0-9._-], no dot in front, 1..64 characters.
std::string SafeKeyName(absl::string_view name);

}  // namespace floe::store
