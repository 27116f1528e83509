// SPDX-License-Identifier: Apache-2.0
// Who can open a manifest: each recipient wraps the file key in a stanza (store.md, "Recipients").
// Scheme "local" (a key file, AES key wrap RFC 3394, deterministic) is here; jwe, pkcs11 and
// provider come with their own files and plug in through Unwrapper.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "base/status.h"

namespace floe::store {

inline constexpr size_t kMaxRecipients = 32;
inline constexpr size_t kMaxStanzaBlobBytes = 8192;

struct RecipientStanza {
  std::string scheme;  // "local"
  std::string hint;    // which key: for local, the key's id in hexadecimal; not secret
  Bytes blob;          // the wrapped file key
};

// Wraps file keys for one recipient. Thread safe.
class Recipient {
 public:
  // `key` is 32 bytes.
  static Recipient Local(std::string hint, Secret key);
  absl::StatusOr<RecipientStanza> Wrap(const Secret& file_key) const;
  // "local:<hint>", for people and for the conversion's HMAC.
  std::string Describe() const;

  Recipient(Recipient&&) = default;
  Recipient& operator=(Recipient&&) = default;

 private:
  Recipient() = default;
  std::string hint_;
  Secret key_;
};

// Opens stanzas of one scheme. Thread safe.
class Unwrapper {
 public:
  virtual ~Unwrapper() = default;
  virtual std::string scheme() const = 0;
  // NOT_FOUND: no key of ours fits this stanza.
  virtual absl::StatusOr<Secret> Unwrap(const RecipientStanza& stanza) const = 0;
};

// A recipient key with its id, LocalKeyId(key).
struct LocalKey {
  std::string id;
  Secret key;  // 32 bytes
};
// The public name of a recipient key: 16 bytes derived from it, in hexadecimal.
std::string LocalKeyId(const Secret& key);
// Opens stanzas of scheme "local" whose hint is one of the keys' ids.
std::unique_ptr<Unwrapper> MakeLocalUnwrapper(std::vector<LocalKey> keys);

// The keys of this machine. Immutable after building, thread safe.
class KeyRing {
 public:
  void Add(std::unique_ptr<Unwrapper> unwrapper) { unwrappers_.push_back(std::move(unwrapper)); }
  // Tries each stanza with the unwrapper of its scheme, hints first, one attempt a scheme.
  // PERMISSION_DENIED lists the schemes and hints that the manifest offers.
  absl::StatusOr<Secret> Unwrap(const std::vector<RecipientStanza>& stanzas) const;
  bool empty() const { return unwrappers_.empty(); }

 private:
  std::vector<std::unique_ptr<Unwrapper>> unwrappers_;
};

}  // namespace floe::store
