// SPDX-License-Identifier: Apache-2.0
#include "store/seal/disk_entry_mac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/codec.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

constexpr absl::string_view kContext = "floe/disk/v1";

EVP_CIPHER_CTX* ThreadContext() {
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  thread_local const std::unique_ptr<EVP_CIPHER_CTX, Free> context(EVP_CIPHER_CTX_new());
  return context.get();
}

}  // namespace

std::array<uint8_t, 16> DiskEntryMac::Tag(const ChunkId& id, const std::array<uint8_t, 12>& nonce,
                                          ByteView bytes) const {
  LittleEndianWriter head;
  head.PutBytes(AsBytes(kContext));
  head.PutBytes(id.bytes);
  head.Put<uint64_t>(bytes.size());
  EVP_CIPHER_CTX* context = ThreadContext();
  std::array<uint8_t, 16> tag;
  int length = 0;
  // Only associated data and no plaintext: that is GMAC.
  const bool ok =
      context != nullptr &&
      EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nullptr, key_.view().data(), nonce.data()) &&
      EVP_EncryptUpdate(context, nullptr, &length, head.view().data(),
                        static_cast<int>(head.size())) &&
      EVP_EncryptUpdate(context, nullptr, &length, bytes.data(), static_cast<int>(bytes.size())) &&
      EVP_EncryptFinal_ex(context, tag.data(), &length) &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, static_cast<int>(tag.size()), tag.data());
  if (!ok) std::abort();  // as in cipher.h: nobody can go on without
  return tag;
}

DiskEntryMac::Proof DiskEntryMac::Make(const VerifiedSealed& chunk) const {
  Proof proof;
  RandomBytes(proof.nonce);
  proof.tag = Tag(chunk.id(), proof.nonce, chunk.bytes());
  return proof;
}

absl::StatusOr<VerifiedSealed> DiskEntryMac::Check(const ChunkId& id, const Proof& proof,
                                                   SealedBytes bytes) const {
  const auto tag = Tag(id, proof.nonce, *bytes);
  if (CRYPTO_memcmp(tag.data(), proof.tag.data(), tag.size()) != 0) {
    return absl::DataLossError(absl::StrCat("cached chunk ", id.ToHex(), " was altered"));
  }
  return VerifiedSealed(id, std::move(bytes));
}

}  // namespace floe::store
