// SPDX-License-Identifier: Apache-2.0
#include <openssl/evp.h>

#include <memory>

#include "store/seal/cipher.h"
#include "store/seal/openssl_check.h"

namespace floe::store {
namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

Key PrivateKey(const Secret& seed) {
  RequireOpenSsl(seed.size() == 32, "size of an Ed25519 seed");
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.view().data(), seed.size()));
  RequireOpenSsl(key != nullptr, "Ed25519 private key");
  return key;
}

Context NewDigestContext() {
  Context context(EVP_MD_CTX_new());
  RequireOpenSsl(context != nullptr, "EVP_MD_CTX_new");
  return context;
}

}  // namespace

std::array<uint8_t, 32> Ed25519PublicKey(const Secret& seed) {
  std::array<uint8_t, 32> public_key;
  size_t length = public_key.size();
  RequireOpenSsl(
      EVP_PKEY_get_raw_public_key(PrivateKey(seed).get(), public_key.data(), &length) == 1,
      "Ed25519 public key");
  return public_key;
}

std::array<uint8_t, 64> Ed25519Sign(const Secret& seed, ByteView message) {
  const Key key = PrivateKey(seed);
  const Context context = NewDigestContext();
  std::array<uint8_t, 64> signature;
  size_t length = signature.size();
  const bool ok =
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestSign(context.get(), signature.data(), &length, message.data(), message.size()) == 1;
  RequireOpenSsl(ok && length == signature.size(), "Ed25519 signature");
  return signature;
}

bool Ed25519Verify(const std::array<uint8_t, 32>& public_key, ByteView message,
                   const std::array<uint8_t, 64>& signature) {
  // Bytes that are no point of the curve are no key: a wrong answer, not a failure of the library.
  const Key key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, public_key.data(), public_key.size()));
  if (key == nullptr) return false;
  const Context context = NewDigestContext();
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

}  // namespace floe::store
