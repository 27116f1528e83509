// SPDX-License-Identifier: Apache-2.0
#include "store/keys/recipients.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

constexpr char kLocalScheme[] = "local";

class LocalUnwrapper : public Unwrapper {
 public:
  explicit LocalUnwrapper(std::vector<LocalKey> keys) : keys_(std::move(keys)) {}

  std::string scheme() const override { return kLocalScheme; }

  absl::StatusOr<Secret> Unwrap(const RecipientStanza& stanza) const override {
    for (const LocalKey& key : keys_) {
      if (key.id == stanza.hint) return AesKeyUnwrap(key.key, stanza.blob);
    }
    return absl::NotFoundError("no local key has this id");
  }

 private:
  const std::vector<LocalKey> keys_;
};

std::string NameOf(const RecipientStanza& stanza) {
  return absl::StrCat(stanza.scheme, ":", stanza.hint);
}

absl::Status NoKeyOpens(const std::vector<RecipientStanza>& stanzas,
                        const std::vector<std::string>& failures) {
  std::vector<std::string> offered;
  for (const RecipientStanza& stanza : stanzas) offered.push_back(NameOf(stanza));
  return absl::PermissionDeniedError(
      absl::StrCat("no key of this machine opens it; it is for ",
                   offered.empty() ? "nobody" : absl::StrJoin(offered, ", "),
                   failures.empty() ? "" : absl::StrCat(" (", absl::StrJoin(failures, "; "), ")"),
                   "; on a machine that can open it run `floe key export FILE`, and `floe key "
                   "import FILE` here"));
}

}  // namespace

std::string LocalKeyId(const Secret& key) {
  std::array<uint8_t, 16> id;
  HkdfSha256({}, key.view(), AsBytes("floe/recipient-id/v1"), id);
  return ToHex(id);
}

std::unique_ptr<Unwrapper> MakeLocalUnwrapper(std::vector<LocalKey> keys) {
  return std::make_unique<LocalUnwrapper>(std::move(keys));
}

Recipient Recipient::Local(std::string hint, Secret key) {
  Recipient recipient;
  recipient.hint_ = std::move(hint);
  recipient.key_ = std::move(key);
  return recipient;
}

absl::StatusOr<RecipientStanza> Recipient::Wrap(const Secret& file_key) const {
  if (key_.size() != 32) {
    return absl::InvalidArgumentError(
        absl::StrCat("recipient ", Describe(), ": its key has ", key_.size(), " bytes, not 32"));
  }
  return RecipientStanza{kLocalScheme, hint_, AesKeyWrap(key_, file_key.view())};
}

std::string Recipient::Describe() const { return absl::StrCat(kLocalScheme, ":", hint_); }

absl::StatusOr<Secret> KeyRing::Unwrap(const std::vector<RecipientStanza>& stanzas) const {
  std::vector<std::string> failures;
  for (const auto& unwrapper : unwrappers_) {
    for (const RecipientStanza& stanza : stanzas) {
      if (stanza.scheme != unwrapper->scheme()) continue;
      auto key = unwrapper->Unwrap(stanza);
      if (key.ok()) return key;
      if (absl::IsNotFound(key.status())) continue;
      // One attempt a scheme: a key service that is down is not asked 32 times.
      failures.push_back(absl::StrCat(NameOf(stanza), ": ", key.status().message()));
      break;
    }
  }
  return NoKeyOpens(stanzas, failures);
}

}  // namespace floe::store
