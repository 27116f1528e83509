// SPDX-License-Identifier: Apache-2.0
#include "store/keys/key_directory.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "store/keys/key_text.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

using Kind = KeyEntry::Kind;

absl::Status Missing(absl::string_view what, absl::string_view remedy) {
  return absl::FailedPreconditionError(absl::StrCat("no ", what, "; ", remedy));
}

// The one entry of a file that must hold exactly one of this kind.
absl::StatusOr<KeyEntry> ReadOne(const std::string& path, Kind kind) {
  FLOE_ASSIGN_OR_RETURN(std::vector<KeyEntry> entries, ReadKeyFile(path, KeyFileAccess::kSecret));
  if (entries.size() != 1 || entries[0].kind != kind) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": holds other keys than its name says; restore it from a backup"));
  }
  return std::move(entries[0]);
}

// True when this call made the file; an existing one is left alone, whoever was faster.
absl::StatusOr<bool> WriteIfAbsent(const std::string& path, KeyEntry entry, KeyFileAccess access) {
  std::vector<KeyEntry> entries;
  entries.push_back(std::move(entry));
  const absl::Status written = WriteKeyFile(path, entries, access);
  if (absl::IsAlreadyExists(written)) return false;
  if (!written.ok()) return written;
  return true;
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace

std::string KeyKindName(KeyListing::Kind kind) {
  switch (kind) {
    case KeyListing::Kind::kRecipient:
      return "recipient";
    case KeyListing::Kind::kSigning:
      return "signing";
    case KeyListing::Kind::kTrusted:
      return "trusted";
    case KeyListing::Kind::kDomain:
      return "domain";
  }
  return "unknown";
}

absl::StatusOr<bool> KeyDirectory::EnsureOwnKeys() const {
  FLOE_RETURN_IF_ERROR(MakeKeyDirectory(path_, ""));
  bool made = false;
  if (!Exists(path_ + "/local.key")) {
    Secret key(32);
    RandomBytes(key.mutable_view());
    FLOE_ASSIGN_OR_RETURN(const bool mine, WriteIfAbsent(path_ + "/local.key", RecipientEntry(key),
                                                         KeyFileAccess::kSecret));
    made |= mine;
  }
  if (!Exists(path_ + "/signing.key")) {
    FLOE_ASSIGN_OR_RETURN(const SigningKey key, SigningKey::Generate());
    FLOE_ASSIGN_OR_RETURN(const bool mine, WriteIfAbsent(path_ + "/signing.key", SigningEntry(key),
                                                         KeyFileAccess::kSecret));
    made |= mine;
  }
  // From the file: somebody else's key may have won.
  FLOE_ASSIGN_OR_RETURN(const SigningKey signing, OwnSigningKey());
  FLOE_ASSIGN_OR_RETURN(const bool trusted, TrustItself(SignerEntry(signing.verifying_key())));
  return made || trusted;
}

absl::StatusOr<bool> KeyDirectory::TrustItself(KeyEntry own) const {
  FLOE_RETURN_IF_ERROR(MakeKeyDirectory(path_, "trusted"));
  const std::string file = path_ + "/trusted/local.pub";
  auto present = ReadKeyFile(file, KeyFileAccess::kPublic);
  if (absl::IsNotFound(present.status())) {
    return WriteIfAbsent(file, std::move(own), KeyFileAccess::kPublic);
  }
  FLOE_RETURN_IF_ERROR(present.status());
  if (present->size() == 1 && present->front().id == own.id) return false;
  // An earlier signing key's, whose images run on.
  const std::string other = absl::StrCat(path_, "/trusted/local-", own.id.substr(0, 16), ".pub");
  return WriteIfAbsent(other, std::move(own), KeyFileAccess::kPublic);
}

absl::StatusOr<Recipient> KeyDirectory::OwnRecipient() const {
  const std::string file = path_ + "/local.key";
  auto entry = ReadOne(file, Kind::kRecipient);
  if (absl::IsNotFound(entry.status())) {
    return Missing(absl::StrCat("recipient key ", file), "run `floe key generate`");
  }
  if (!entry.ok()) return entry.status();
  return Recipient::Local(entry->id, std::move(entry->value));
}

absl::StatusOr<SigningKey> KeyDirectory::OwnSigningKey() const {
  const std::string file = path_ + "/signing.key";
  auto entry = ReadOne(file, Kind::kSigning);
  if (absl::IsNotFound(entry.status())) {
    return Missing(absl::StrCat("signing key ", file), "run `floe key generate`");
  }
  if (!entry.ok()) return entry.status();
  return SigningKey::FromSeed(entry->value);
}

absl::StatusOr<Recipient> KeyDirectory::FindRecipient(absl::string_view id) const {
  auto own = ReadOne(path_ + "/local.key", Kind::kRecipient);
  if (own.ok() && own->id == id) return Recipient::Local(own->id, std::move(own->value));
  const std::string file = absl::StrCat(path_, "/recipients/", SafeKeyName(id), ".key");
  auto entry = ReadOne(file, Kind::kRecipient);
  if (absl::IsNotFound(entry.status())) {
    return Missing(absl::StrCat("recipient key with the id ", id, " in ", path_),
                   "`floe key list` shows those there are; import it with `floe key import`");
  }
  if (!entry.ok()) return entry.status();
  return Recipient::Local(entry->id, std::move(entry->value));
}

absl::StatusOr<KeyRing> KeyDirectory::LoadKeyRing() const {
  std::vector<LocalKey> keys;
  FLOE_ASSIGN_OR_RETURN(std::vector<std::string> files, KeyFilesIn(path_ + "/recipients", ".key"));
  files.insert(files.begin(), path_ + "/local.key");
  for (const std::string& file : files) {
    auto entry = ReadOne(file, Kind::kRecipient);
    if (absl::IsNotFound(entry.status())) continue;  // no local.key
    if (!entry.ok()) return entry.status();
    keys.push_back({entry->id, std::move(entry->value)});
  }
  KeyRing ring;
  if (!keys.empty()) ring.Add(MakeLocalUnwrapper(std::move(keys)));
  return ring;
}

absl::StatusOr<TrustPolicy> KeyDirectory::LoadTrust(bool allow_unsigned) const {
  FLOE_ASSIGN_OR_RETURN(TrustPolicy policy, TrustPolicy::Load(path_ + "/trusted"));
  policy.allow_unsigned = allow_unsigned;
  return policy;
}

absl::StatusOr<Secret> KeyDirectory::DomainSecret(const DomainId& domain) const {
  if (domain == kPublicDomain) return Secret();
  const std::string id = ToHex(domain);
  auto entry = ReadOne(absl::StrCat(path_, "/domains/", id, ".key"), Kind::kDomain);
  if (absl::IsNotFound(entry.status())) {
    return Missing(absl::StrCat("secret of the domain ", id, " in ", path_),
                   "run `floe key export --domains FILE` where the store was made, and "
                   "`floe key import FILE` here");
  }
  if (!entry.ok()) return entry.status();
  if (entry->id != id) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, "/domains/", id, ".key holds the secret of another domain"));
  }
  return std::move(entry->value);
}

absl::Status KeyDirectory::SaveDomainSecret(const DomainId& domain, const Secret& secret) const {
  const std::string id = ToHex(domain);
  FLOE_RETURN_IF_ERROR(MakeKeyDirectory(path_, "domains"));
  FLOE_ASSIGN_OR_RETURN(const bool made, WriteIfAbsent(absl::StrCat(path_, "/domains/", id, ".key"),
                                                       {Kind::kDomain, id, secret.Clone(), ""},
                                                       KeyFileAccess::kSecret));
  if (made) return absl::OkStatus();
  FLOE_ASSIGN_OR_RETURN(const Secret present, DomainSecret(domain));
  if (present.Equals(secret)) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat("another secret of the domain ", id, " is in ", path_,
                   "/domains; one of the two is wrong: move that file away if it is the one"));
}

}  // namespace floe::store
