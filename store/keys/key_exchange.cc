// SPDX-License-Identifier: Apache-2.0
// Keys between machines: listing, export, import, trust.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "store/keys/key_directory.h"
#include "store/keys/key_text.h"

namespace floe::store {
namespace {

using Kind = KeyEntry::Kind;

std::string HostName() {
  char name[65] = {};
  if (gethostname(name, sizeof(name) - 1) != 0) return "unnamed";
  return SafeKeyName(name);
}

// Appends the entries of a file; one that is missing has none.
absl::Status Append(const std::string& file, std::vector<KeyEntry>& entries) {
  auto read = ReadKeyFile(file, KeyFileAccess::kSecret);
  if (absl::IsNotFound(read.status())) return absl::OkStatus();
  if (!read.ok()) return read.status();
  for (KeyEntry& entry : *read) entries.push_back(std::move(entry));
  return absl::OkStatus();
}

absl::Status AppendAll(const std::string& directory, std::vector<KeyEntry>& entries) {
  FLOE_ASSIGN_OR_RETURN(const std::vector<std::string> files, KeyFilesIn(directory, ".key"));
  for (const std::string& file : files) FLOE_RETURN_IF_ERROR(Append(file, entries));
  return absl::OkStatus();
}

absl::StatusOr<KeyEntry> OwnSigner(const KeyDirectory& keys) {
  FLOE_ASSIGN_OR_RETURN(const SigningKey signing, keys.OwnSigningKey());
  VerifyingKey key = signing.verifying_key();
  key.name = HostName();
  return SignerEntry(key);
}

void Report(bool added, std::string what, KeyDirectory::ImportReport& report) {
  (added ? report.added : report.present).push_back(std::move(what));
}

// One entry of an import, to its place. A key that is there already is fine.
class Importer {
 public:
  Importer(const KeyDirectory& keys, absl::string_view name) : keys_(keys), name_(name) {}

  absl::Status Add(KeyEntry entry, KeyDirectory::ImportReport& report) {
    switch (entry.kind) {
      case Kind::kRecipient:
        return AddRecipient(std::move(entry), report);
      case Kind::kSigner:
        return AddSigner(std::move(entry), report);
      case Kind::kDomain:
        return AddDomain(entry, report);
      case Kind::kSigning:
        break;  // refused before
    }
    return absl::InternalError("a private signing key got into an import");
  }

 private:
  absl::Status AddRecipient(KeyEntry entry, KeyDirectory::ImportReport& report) {
    const std::string id = entry.id;
    const bool present = keys_.FindRecipient(id).ok();
    if (!present) {
      FLOE_RETURN_IF_ERROR(
          Write("recipients", absl::StrCat(id, ".key"), std::move(entry), KeyFileAccess::kSecret));
    }
    Report(!present, absl::StrCat("recipient ", id), report);
    return absl::OkStatus();
  }

  absl::Status AddSigner(KeyEntry entry, KeyDirectory::ImportReport& report) {
    const VerifyingKey key = VerifyingKeyOf(entry);
    FLOE_ASSIGN_OR_RETURN(const TrustPolicy policy, keys_.LoadTrust());
    const bool present =
        std::any_of(policy.trusted.begin(), policy.trusted.end(),
                    [&](const VerifyingKey& trusted) { return trusted.id == key.id; });
    const std::string stem = SafeKeyName(name_.empty() ? entry.name : name_);
    const std::string what = absl::StrCat("signer ", stem, " ", entry.id);
    if (!present) {
      // The id keeps two signers of one name apart.
      const std::string file = absl::StrCat(stem, "-", entry.id.substr(0, 8), ".pub");
      FLOE_RETURN_IF_ERROR(Write("trusted", file, std::move(entry), KeyFileAccess::kPublic));
    }
    Report(!present, what, report);
    return absl::OkStatus();
  }

  absl::Status AddDomain(const KeyEntry& entry, KeyDirectory::ImportReport& report) {
    DomainId domain;
    const Bytes id = *FromHex(entry.id);
    std::copy(id.begin(), id.end(), domain.begin());
    const bool present = keys_.DomainSecret(domain).ok();
    FLOE_RETURN_IF_ERROR(keys_.SaveDomainSecret(domain, entry.value));
    Report(!present, absl::StrCat("domain ", entry.id), report);
    return absl::OkStatus();
  }

  absl::Status Write(const std::string& folder, absl::string_view file, KeyEntry entry,
                     KeyFileAccess access) {
    const std::string directory = absl::StrCat(keys_.path(), "/", folder);
    FLOE_RETURN_IF_ERROR(MakeKeyDirectory(keys_.path(), folder));
    std::vector<KeyEntry> entries;
    entries.push_back(std::move(entry));
    const absl::Status written = WriteKeyFile(absl::StrCat(directory, "/", file), entries, access);
    return absl::IsAlreadyExists(written) ? absl::OkStatus() : written;
  }

  const KeyDirectory& keys_;
  const std::string name_;
};

absl::StatusOr<KeyDirectory::ImportReport> ImportEntries(const KeyDirectory& keys,
                                                         std::vector<KeyEntry> entries,
                                                         absl::string_view name) {
  KeyDirectory::ImportReport report;
  Importer importer(keys, name);
  for (KeyEntry& entry : entries) {
    FLOE_RETURN_IF_ERROR(importer.Add(std::move(entry), report));
  }
  return report;
}

bool Holds(const std::vector<KeyEntry>& entries, Kind kind) {
  return std::any_of(entries.begin(), entries.end(),
                     [kind](const KeyEntry& entry) { return entry.kind == kind; });
}

}  // namespace

absl::StatusOr<std::vector<KeyListing>> KeyDirectory::List() const {
  std::vector<KeyListing> listing;
  std::string signer;  // the id of our own
  const auto add = [&](const std::string& file, KeyListing::Kind kind, bool own) -> absl::Status {
    const bool trusted = kind == KeyListing::Kind::kTrusted;
    auto entries = ReadKeyFile(file, trusted ? KeyFileAccess::kPublic : KeyFileAccess::kSecret);
    if (absl::IsNotFound(entries.status())) return absl::OkStatus();
    if (!entries.ok()) return entries.status();
    for (const KeyEntry& entry : *entries) {
      if (kind == KeyListing::Kind::kSigning) signer = entry.id;
      const bool ours = own || (trusted && entry.id == signer);
      const std::string stem = std::filesystem::path(file).stem().string();
      listing.push_back({kind, entry.id, file, trusted ? stem : "", ours});
    }
    return absl::OkStatus();
  };
  const auto add_all = [&](const std::string& folder, absl::string_view extension,
                           KeyListing::Kind kind) -> absl::Status {
    FLOE_ASSIGN_OR_RETURN(const std::vector<std::string> files, KeyFilesIn(folder, extension));
    for (const std::string& file : files) FLOE_RETURN_IF_ERROR(add(file, kind, false));
    return absl::OkStatus();
  };
  FLOE_RETURN_IF_ERROR(add(path_ + "/local.key", KeyListing::Kind::kRecipient, true));
  FLOE_RETURN_IF_ERROR(add(path_ + "/signing.key", KeyListing::Kind::kSigning, true));
  FLOE_RETURN_IF_ERROR(add_all(path_ + "/recipients", ".key", KeyListing::Kind::kRecipient));
  FLOE_RETURN_IF_ERROR(add_all(path_ + "/trusted", ".pub", KeyListing::Kind::kTrusted));
  FLOE_RETURN_IF_ERROR(add_all(path_ + "/domains", ".key", KeyListing::Kind::kDomain));
  return listing;
}

absl::StatusOr<Secret> KeyDirectory::ExportBundle(bool domains) const {
  std::vector<KeyEntry> entries;
  FLOE_RETURN_IF_ERROR(OwnRecipient());
  FLOE_RETURN_IF_ERROR(Append(path_ + "/local.key", entries));
  FLOE_RETURN_IF_ERROR(AppendAll(path_ + "/recipients", entries));
  FLOE_ASSIGN_OR_RETURN(KeyEntry signer, OwnSigner(*this));
  entries.push_back(std::move(signer));
  if (domains) FLOE_RETURN_IF_ERROR(AppendAll(path_ + "/domains", entries));
  return FormatKeyText(entries);
}

absl::StatusOr<std::string> KeyDirectory::ExportSigner() const {
  std::vector<KeyEntry> entries;
  FLOE_ASSIGN_OR_RETURN(KeyEntry signer, OwnSigner(*this));
  entries.push_back(std::move(signer));
  return std::string(AsText(FormatKeyText(entries).view()));
}

absl::StatusOr<KeyDirectory::ImportReport> KeyDirectory::ImportBundle(
    absl::string_view text, absl::string_view name) const {
  FLOE_ASSIGN_OR_RETURN(std::vector<KeyEntry> entries, ParseKeyText(text));
  if (Holds(entries, Kind::kSigning)) {
    return absl::InvalidArgumentError(
        "the text holds a private signing key, which is not for import; copy that file to "
        "signing.key if this machine shall sign as the other one");
  }
  return ImportEntries(*this, std::move(entries), name);
}

absl::StatusOr<KeyDirectory::ImportReport> KeyDirectory::Trust(absl::string_view text,
                                                               absl::string_view name) const {
  FLOE_ASSIGN_OR_RETURN(std::vector<KeyEntry> entries, ParseKeyText(text));
  if (entries.empty() || Holds(entries, Kind::kRecipient) || Holds(entries, Kind::kSigning) ||
      Holds(entries, Kind::kDomain)) {
    return absl::InvalidArgumentError(
        "the text is not a public signing key alone (`floe key export --signer FILE`); a whole "
        "bundle "
        "goes to `floe key import`");
  }
  return ImportEntries(*this, std::move(entries), name);
}

}  // namespace floe::store
