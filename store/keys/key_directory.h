// SPDX-License-Identifier: Apache-2.0
// The keys of one machine, as files (doc/keys.md):
//
//   <dir>/local.key               the recipient key of this machine
//   <dir>/signing.key             what this machine signs manifests with
//   <dir>/recipients/<id>.key     further recipient keys, imported
//   <dir>/trusted/<name>.pub      whose signatures this machine accepts
//   <dir>/domains/<domain>.key    domain secrets; only converters have them
//
// Secret files are 0600, directories 0700; a secret file that others can read is refused.
#pragma once

#include <string>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "store/keys/key_text.h"
#include "store/keys/recipients.h"
#include "store/keys/signing.h"
#include "store/seal/seal.h"

namespace floe::store {

inline constexpr char kDefaultKeyDirectory[] = "/etc/floe/keys";

// What `floe key list` shows; nothing in it is secret.
struct KeyListing {
  enum class Kind { kRecipient, kSigning, kTrusted, kDomain };
  Kind kind = Kind::kRecipient;
  std::string id;    // hexadecimal
  std::string file;  // absolute path
  std::string name;  // of a trusted signer
  bool own = false;  // local.key, signing.key, and the trusted key that is signing.key's
};
// "recipient", "signing", "trusted", "domain".
std::string KeyKindName(KeyListing::Kind kind);

// Thread safe: every call reads or writes files. Two processes may make keys at the same time: both
// end with the same ones.
class KeyDirectory {
 public:
  explicit KeyDirectory(std::string path = kDefaultKeyDirectory) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }

  // Makes local.key, signing.key and the trusted entry for the latter where they are missing; the
  // entry of an earlier signing.key stays. True when something was made. Called by converters and
  // daemons on first use.
  absl::StatusOr<bool> EnsureOwnKeys() const;

  // FAILED_PRECONDITION when there is no such key yet ("run floe key generate").
  absl::StatusOr<Recipient> OwnRecipient() const;
  absl::StatusOr<SigningKey> OwnSigningKey() const;
  // The recipient whose key file has this id: to wrap for another machine's key as well.
  absl::StatusOr<Recipient> FindRecipient(absl::string_view id) const;
  // local.key and recipients/*; empty when there is none.
  absl::StatusOr<KeyRing> LoadKeyRing() const;
  absl::StatusOr<TrustPolicy> LoadTrust(bool allow_unsigned = false) const;

  // The secret of a domain: empty for kPublicDomain. FAILED_PRECONDITION when this machine has
  // none.
  absl::StatusOr<Secret> DomainSecret(const DomainId& domain) const;
  // ALREADY_EXISTS when another secret is there under this id.
  absl::Status SaveDomainSecret(const DomainId& domain, const Secret& secret) const;

  absl::StatusOr<std::vector<KeyListing>> List() const;

  // A text with everything that a second machine needs to run this one's images: its recipient keys
  // and the public signing key. `domains`: the domain secrets too, so that it can convert into the
  // same domain. The text is secret.
  absl::StatusOr<Secret> ExportBundle(bool domains) const;
  // Only the public signing key, for `floe key trust` elsewhere. Not secret.
  absl::StatusOr<std::string> ExportSigner() const;

  struct ImportReport {
    std::vector<std::string> added;    // "recipient 3f..", "signer build-1"
    std::vector<std::string> present;  // what was there already
  };
  // Adds what `text` (from ExportBundle) holds. All or nothing where the text is malformed:
  // INVALID_ARGUMENT with the line. `name` is the stem for its trusted signers.
  absl::StatusOr<ImportReport> ImportBundle(absl::string_view text, absl::string_view name) const;
  // Adds the signers of `text` and refuses a text that holds anything secret.
  absl::StatusOr<ImportReport> Trust(absl::string_view text, absl::string_view name) const;

 private:
  absl::StatusOr<bool> TrustItself(KeyEntry own) const;

  std::string path_;
};

}  // namespace floe::store
