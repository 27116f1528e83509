// SPDX-License-Identifier: Apache-2.0
#include "store/keys/key_text.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "store/keys/recipients.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

constexpr absl::string_view kFirstLine = "floe-keys-v1\n";
constexpr size_t kMaxTextBytes = 1 << 20;

struct KindRow {
  KeyEntry::Kind kind;
  absl::string_view word;
  size_t id_digits;
};
constexpr KindRow kKinds[] = {
    {KeyEntry::Kind::kRecipient, "recipient", 32},
    {KeyEntry::Kind::kSigning, "signing", 64},
    {KeyEntry::Kind::kSigner, "signer", 64},
    {KeyEntry::Kind::kDomain, "domain", 32},
};

const KindRow& RowOf(KeyEntry::Kind kind) { return kKinds[static_cast<size_t>(kind)]; }

absl::Status Bad(size_t line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", what));
}

// Text that is wiped when it grows or goes.
class SecretText {
 public:
  void Append(absl::string_view text) {
    const size_t used = size_;
    if (used + text.size() > room_.size()) {
      Secret larger(std::max(2 * room_.size(), used + text.size()));
      std::copy_n(room_.view().begin(), used, larger.mutable_view().begin());
      room_ = std::move(larger);
    }
    std::copy(text.begin(), text.end(), room_.mutable_view().begin() + used);
    size_ += text.size();
  }
  void AppendHex(ByteView bytes) {
    std::string hex = ToHex(bytes);
    Append(hex);
    Wipe({reinterpret_cast<uint8_t*>(hex.data()), hex.size()});
  }
  ByteView view() const { return room_.view().first(size_); }

 private:
  Secret room_;
  size_t size_ = 0;
};

bool IsHex(absl::string_view text, size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

std::optional<Secret> SecretFromHex(absl::string_view hex) {
  if (!IsHex(hex, 64)) return std::nullopt;
  Bytes bytes = *FromHex(hex);
  Secret secret = Secret::Copy(bytes);
  Wipe(bytes);
  return secret;
}

// The id that follows from the value; nullopt where it does not.
std::optional<std::string> DerivedId(const KeyEntry& entry) {
  switch (entry.kind) {
    case KeyEntry::Kind::kRecipient:
      return LocalKeyId(entry.value);
    case KeyEntry::Kind::kSigning:
      return ToHex(Sha256(Ed25519PublicKey(entry.value)));
    case KeyEntry::Kind::kSigner:
      return ToHex(Sha256(entry.value.view()));
    case KeyEntry::Kind::kDomain:
      break;
  }
  return std::nullopt;
}

absl::StatusOr<KeyEntry> ParseLine(absl::string_view line, size_t number) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  const auto* row = std::find_if(std::begin(kKinds), std::end(kKinds),
                                 [&](const KindRow& r) { return r.word == words[0]; });
  if (row == std::end(kKinds)) return Bad(number, "unknown kind of key");
  const size_t wanted = row->kind == KeyEntry::Kind::kSigner ? 4 : 3;
  if (words.size() != wanted || !IsHex(words[1], row->id_digits)) {
    return Bad(number, absl::StrCat("a ", row->word, " line is malformed"));
  }
  std::optional<Secret> value = SecretFromHex(words[2]);
  if (!value) return Bad(number, absl::StrCat("a ", row->word, " line is malformed"));
  KeyEntry entry{row->kind, std::string(words[1]), *std::move(value), ""};
  if (wanted == 4) entry.name = SafeKeyName(words[3]);
  const std::optional<std::string> derived = DerivedId(entry);
  if (derived && *derived != entry.id) return Bad(number, "the key does not have this id");
  return entry;
}

}  // namespace

KeyEntry RecipientEntry(const Secret& key) {
  return {KeyEntry::Kind::kRecipient, LocalKeyId(key), key.Clone(), ""};
}

KeyEntry SigningEntry(const SigningKey& key) {
  return {KeyEntry::Kind::kSigning, ToHex(key.verifying_key().id), key.seed().Clone(), ""};
}

KeyEntry SignerEntry(const VerifyingKey& key) {
  return {KeyEntry::Kind::kSigner, ToHex(key.id), Secret::Copy(key.public_key),
          SafeKeyName(key.name)};
}

VerifyingKey VerifyingKeyOf(const KeyEntry& entry) {
  VerifyingKey key;
  std::copy_n(entry.value.view().begin(), key.public_key.size(), key.public_key.begin());
  key.id = Sha256(key.public_key);
  key.name = entry.name;
  return key;
}

Secret FormatKeyText(const std::vector<KeyEntry>& entries) {
  SecretText text;
  text.Append(kFirstLine);
  for (const KeyEntry& entry : entries) {
    text.Append(absl::StrCat(RowOf(entry.kind).word, " ", entry.id, " "));
    text.AppendHex(entry.value.view());
    if (entry.kind == KeyEntry::Kind::kSigner) text.Append(absl::StrCat(" ", entry.name));
    text.Append("\n");
  }
  text.Append(absl::StrCat("sum ", ToHex(Sha256(text.view())), "\n"));
  return Secret::Copy(text.view());
}

absl::StatusOr<std::vector<KeyEntry>> ParseKeyText(absl::string_view text) {
  if (text.size() > kMaxTextBytes) return absl::InvalidArgumentError("longer than 1 MiB");
  if (text.substr(0, kFirstLine.size()) != kFirstLine) {
    if (text.substr(0, 11) == "floe-keys-v") {
      return absl::FailedPreconditionError("written by a newer floe: update floe here");
    }
    return Bad(1, "not a floe key file: it does not begin with floe-keys-v1");
  }
  std::vector<KeyEntry> entries;
  size_t at = kFirstLine.size();
  for (size_t number = 2;; ++number) {
    const size_t end = text.find('\n', at);
    if (end == absl::string_view::npos) return Bad(number, "cut off: it does not end with a sum");
    const absl::string_view line = text.substr(at, end - at);
    if (line.substr(0, 4) == "sum ") {
      if (line.substr(4) != ToHex(Sha256(AsBytes(text.substr(0, at))))) {
        return Bad(number, "the sum does not fit: the text was altered");
      }
      if (end + 1 != text.size()) return Bad(number + 1, "text after the sum");
      return entries;
    }
    FLOE_ASSIGN_OR_RETURN(KeyEntry entry, ParseLine(line, number));
    entries.push_back(std::move(entry));
    at = end + 1;
  }
}

std::string SafeKeyName(absl::string_view name) {
  std::string safe;
  for (const char c : name.substr(0, 64)) {
    const bool fits = absl::ascii_isalnum(c) || c == '-' || c == '_' || (c == '.' && !safe.empty());
    safe.push_back(fits ? c : '_');
  }
  return safe.empty() ? "unnamed" : safe;
}

}  // namespace floe::store
