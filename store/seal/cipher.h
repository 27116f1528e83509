// SPDX-License-Identifier: Apache-2.0
// The few cryptographic functions floe uses, over OpenSSL. Thread safe: contexts are per thread and
// reused. A failure of the library itself (out of memory, no such algorithm) aborts the process: no
// caller could go on without hashing.
#pragma once

#include <array>

#include "base/bytes.h"
#include "base/secret.h"
#include "base/status.h"

namespace floe::store {

using Sha256Digest = std::array<uint8_t, 32>;
using Key256 = std::array<uint8_t, 32>;

inline constexpr size_t kGcmTagBytes = 16;

Sha256Digest Sha256(ByteView bytes);

// SHA-256 of a stream in pieces. Not thread safe.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(Sha256Hasher&& other) noexcept;
  Sha256Hasher& operator=(Sha256Hasher&&) = delete;
  void Update(ByteView bytes);
  // Gives the digest and starts anew.
  Sha256Digest Finish();

 private:
  void* context_;  // EVP_MD_CTX
};

Sha256Digest HmacSha256(ByteView key, ByteView message);

// RFC 5869. An empty salt means 32 zero bytes. `out` at most 8160 bytes.
void HkdfSha256(ByteView salt, ByteView ikm, ByteView info, MutableByteView out);

// From the kernel's generator.
void RandomBytes(MutableByteView out);

// AES-256-GCM with the all-zero 12-byte nonce: only with a key derived from what it encrypts.
// `out` is plain.size() + kGcmTagBytes bytes: ciphertext | tag.
void GcmSealNonceZero(const Key256& key, ByteView aad, ByteView plain, MutableByteView out);
// `out` is sealed.size() - kGcmTagBytes bytes. False, and `out` zeroed, when the tag is wrong.
bool GcmOpenNonceZero(const Key256& key, ByteView aad, ByteView sealed, MutableByteView out);

// AES-256 key wrap (RFC 3394): `plain` is a multiple of 8 bytes, at least 16; the result is 8
// longer.
Bytes AesKeyWrap(const Secret& key, ByteView plain);
// DATA_LOSS when the wrapped key does not open with `key`.
absl::StatusOr<Secret> AesKeyUnwrap(const Secret& key, ByteView wrapped);

// Ed25519 (RFC 8032). `seed` is 32 bytes.
std::array<uint8_t, 32> Ed25519PublicKey(const Secret& seed);
std::array<uint8_t, 64> Ed25519Sign(const Secret& seed, ByteView message);
bool Ed25519Verify(const std::array<uint8_t, 32>& public_key, ByteView message,
                   const std::array<uint8_t, 64>& signature);

}  // namespace floe::store
