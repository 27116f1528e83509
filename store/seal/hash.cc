// SPDX-License-Identifier: Apache-2.0
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sys/random.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "store/seal/cipher.h"
#include "store/seal/openssl_check.h"

namespace floe::store {
namespace {

struct FreeKdfContext {
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

// Fetched once: a fetch takes locks and costs more than hashing a small input.
const EVP_MD* Sha256Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  RequireOpenSsl(algorithm != nullptr, "no SHA256");
  return algorithm;
}

EVP_KDF* HkdfAlgorithm() {
  static EVP_KDF* const algorithm = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  RequireOpenSsl(algorithm != nullptr, "no HKDF");
  return algorithm;
}

// OpenSSL's parameters are not const, and it does not write to these.
void* Unconst(ByteView bytes) { return const_cast<uint8_t*>(bytes.data()); }

}  // namespace

Sha256Digest Sha256(ByteView bytes) {
  thread_local Sha256Hasher hasher;
  hasher.Update(bytes);
  return hasher.Finish();
}

Sha256Hasher::Sha256Hasher() : context_(EVP_MD_CTX_new()) {
  RequireOpenSsl(context_ != nullptr, "EVP_MD_CTX_new");
  RequireOpenSsl(
      EVP_DigestInit_ex2(static_cast<EVP_MD_CTX*>(context_), Sha256Algorithm(), nullptr) == 1,
      "EVP_DigestInit");
}

Sha256Hasher::~Sha256Hasher() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }

Sha256Hasher::Sha256Hasher(Sha256Hasher&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)) {}

void Sha256Hasher::Update(ByteView bytes) {
  RequireOpenSsl(
      EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), bytes.data(), bytes.size()) == 1,
      "EVP_DigestUpdate");
}

Sha256Digest Sha256Hasher::Finish() {
  auto* context = static_cast<EVP_MD_CTX*>(context_);
  Sha256Digest digest;
  RequireOpenSsl(EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1, "EVP_DigestFinal");
  RequireOpenSsl(EVP_DigestInit_ex2(context, Sha256Algorithm(), nullptr) == 1, "EVP_DigestInit");
  return digest;
}

Sha256Digest HmacSha256(ByteView key, ByteView message) {
  // HMAC pads its key with zeros, so an empty key and 32 zero bytes are the same one; OpenSSL takes
  // a null key for "the one before".
  static constexpr std::array<uint8_t, 32> kZeros{};
  if (key.empty()) key = kZeros;
  Sha256Digest mac;
  size_t length = 0;
  const uint8_t* done =
      EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(), message.data(),
                message.size(), mac.data(), mac.size(), &length);
  RequireOpenSsl(done != nullptr && length == mac.size(), "HMAC");
  return mac;
}

void HkdfSha256(ByteView salt, ByteView ikm, ByteView info, MutableByteView out) {
  thread_local const std::unique_ptr<EVP_KDF_CTX, FreeKdfContext> context(
      EVP_KDF_CTX_new(HkdfAlgorithm()));
  RequireOpenSsl(context != nullptr, "EVP_KDF_CTX_new");
  EVP_KDF_CTX_reset(context.get());
  char digest[] = "SHA256";
  OSSL_PARAM parameters[5];
  OSSL_PARAM* next = parameters;
  *next++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
  *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, Unconst(ikm), ikm.size());
  *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, Unconst(info), info.size());
  if (!salt.empty()) {
    *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, Unconst(salt), salt.size());
  }
  *next = OSSL_PARAM_construct_end();
  RequireOpenSsl(EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) == 1, "HKDF");
  // The input key material stays in the context otherwise.
  EVP_KDF_CTX_reset(context.get());
}

void RandomBytes(MutableByteView out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = getrandom(out.data() + done, out.size() - done, 0);
    RequireOpenSsl(n > 0 || errno == EINTR, "getrandom");
    if (n > 0) done += static_cast<size_t>(n);
  }
}

}  // namespace floe::store
