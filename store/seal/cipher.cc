// SPDX-License-Identifier: Apache-2.0
#include "store/seal/cipher.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "store/seal/openssl_check.h"

namespace floe::store {
namespace {

constexpr std::array<uint8_t, 12> kNonceZero{};

struct FreeCipherContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipherContext>;

const EVP_CIPHER* Fetch(const char* name) {
  const EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  RequireOpenSsl(cipher != nullptr, name);
  return cipher;
}

const EVP_CIPHER* Gcm() {
  static const EVP_CIPHER* const cipher = Fetch("AES-256-GCM");
  return cipher;
}

const EVP_CIPHER* KeyWrap() {
  static const EVP_CIPHER* const cipher = Fetch("AES-256-WRAP");
  return cipher;
}

CipherContext NewContext() {
  CipherContext context(EVP_CIPHER_CTX_new());
  RequireOpenSsl(context != nullptr, "EVP_CIPHER_CTX_new");
  return context;
}

int Length(ByteView bytes) { return static_cast<int>(bytes.size()); }

// EVP writes nothing for an empty view, but wants to see a pointer.
uint8_t* Target(MutableByteView out) {
  static uint8_t nowhere[1];
  return out.empty() ? nowhere : out.data();
}

}  // namespace

void GcmSealNonceZero(const Key256& key, ByteView aad, ByteView plain, MutableByteView out) {
  thread_local const CipherContext owner = NewContext();
  EVP_CIPHER_CTX* context = owner.get();
  RequireOpenSsl(out.size() == plain.size() + kGcmTagBytes, "size of the sealed bytes");
  int n = 0;
  bool ok = EVP_EncryptInit_ex2(context, Gcm(), key.data(), kNonceZero.data(), nullptr) == 1;
  if (!aad.empty()) {
    ok = ok && EVP_EncryptUpdate(context, nullptr, &n, aad.data(), Length(aad)) == 1;
  }
  if (!plain.empty()) {
    ok = ok && EVP_EncryptUpdate(context, out.data(), &n, plain.data(), Length(plain)) == 1;
  }
  uint8_t* tag = out.data() + plain.size();
  ok = ok && EVP_EncryptFinal_ex(context, tag, &n) == 1;
  ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kGcmTagBytes, tag) == 1;
  RequireOpenSsl(ok, "AES-256-GCM");
}

bool GcmOpenNonceZero(const Key256& key, ByteView aad, ByteView sealed, MutableByteView out) {
  thread_local const CipherContext owner = NewContext();
  EVP_CIPHER_CTX* context = owner.get();
  if (sealed.size() < kGcmTagBytes || out.size() != sealed.size() - kGcmTagBytes) return false;
  const ByteView text = sealed.first(out.size());
  std::array<uint8_t, kGcmTagBytes> tag;
  std::copy_n(sealed.data() + text.size(), kGcmTagBytes, tag.begin());
  int n = 0;
  bool ok = EVP_DecryptInit_ex2(context, Gcm(), key.data(), kNonceZero.data(), nullptr) == 1;
  if (!aad.empty()) {
    ok = ok && EVP_DecryptUpdate(context, nullptr, &n, aad.data(), Length(aad)) == 1;
  }
  if (!text.empty()) {
    ok = ok && EVP_DecryptUpdate(context, out.data(), &n, text.data(), Length(text)) == 1;
  }
  ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kGcmTagBytes, tag.data()) == 1;
  RequireOpenSsl(ok, "AES-256-GCM");
  const bool authentic = EVP_DecryptFinal_ex(context, Target(out.subspan(out.size())), &n) == 1;
  if (!authentic) std::fill(out.begin(), out.end(), 0);
  return authentic;
}

Bytes AesKeyWrap(const Secret& key, ByteView plain) {
  RequireOpenSsl(key.size() == 32 && plain.size() >= 16 && plain.size() % 8 == 0,
                 "sizes of a key to wrap");
  const CipherContext context = NewContext();
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  Bytes wrapped(plain.size() + 8);
  int n = 0;
  const bool ok =
      EVP_EncryptInit_ex2(context.get(), KeyWrap(), key.view().data(), nullptr, nullptr) == 1 &&
      EVP_EncryptUpdate(context.get(), wrapped.data(), &n, plain.data(), Length(plain)) == 1 &&
      n == static_cast<int>(wrapped.size());
  RequireOpenSsl(ok, "AES key wrap");
  return wrapped;
}

absl::StatusOr<Secret> AesKeyUnwrap(const Secret& key, ByteView wrapped) {
  if (wrapped.size() < 24 || wrapped.size() % 8 != 0 || wrapped.size() > 4096) {
    return absl::DataLossError("a wrapped key has a wrong length");
  }
  RequireOpenSsl(key.size() == 32, "size of a wrapping key");
  const CipherContext context = NewContext();
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  // OpenSSL wants room for the wrapped length.
  Secret room(wrapped.size());
  int n = 0;
  RequireOpenSsl(
      EVP_DecryptInit_ex2(context.get(), KeyWrap(), key.view().data(), nullptr, nullptr) == 1,
      "AES key unwrap");
  if (EVP_DecryptUpdate(context.get(), room.mutable_view().data(), &n, wrapped.data(),
                        Length(wrapped)) != 1 ||
      n != static_cast<int>(wrapped.size() - 8)) {
    return absl::DataLossError("a wrapped key does not open with this key");
  }
  return Secret::Copy(room.view().first(static_cast<size_t>(n)));
}

}  // namespace floe::store
