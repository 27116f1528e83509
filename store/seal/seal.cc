// SPDX-License-Identifier: Apache-2.0
#include "store/seal/seal.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/codec.h"
#include "store/seal/cipher.h"
#include "store/seal/compress.h"

namespace floe::store {
namespace {

// "floe/chunk/v1" | aead | domain_id | birth_root
Bytes ChunkKeyInfo(const SealingDomain& domain) {
  LittleEndianWriter info;
  info.PutBytes(AsBytes("floe/chunk/v1"));
  info.Put(static_cast<uint8_t>(Aead::kAes256Gcm));
  info.PutBytes(domain.domain_id);
  info.PutBytes(domain.birth_root);
  return info.Take();
}

absl::Status Altered(const ChunkRef& ref, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("chunk ", ref.id.ToHex(), ": ", what,
                                          "; the manifest and the chunk do not belong together"));
}

// Per thread and reused: opening must not pay for an allocation of up to 1 MiB each time.
MutableByteView Scratch(size_t size) {
  thread_local Bytes scratch;
  if (scratch.size() < size) scratch.resize(size);
  return MutableByteView(scratch).first(size);
}

}  // namespace

struct Sealer::Contexts {
  explicit Contexts(int level) : compressor(level) {}
  Compressor compressor;
  Bytes info;
};

Sealer::Sealer(const SealingDomain& domain, const CodecParameters& codec)
    : contexts_(std::make_unique<Contexts>(codec.level)), domain_(domain), codec_(codec) {
  contexts_->info = ChunkKeyInfo(domain);
}

Sealer::~Sealer() = default;

absl::StatusOr<SealedChunk> Sealer::Seal(ByteView raw) {
  if (raw.empty() || raw.size() > kMaxRawChunkBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a chunk of ", raw.size(), " bytes; 1 to ", kMaxRawChunkBytes, " allowed"));
  }
  ChunkRef ref;
  ref.raw_length = static_cast<uint32_t>(raw.size());
  ref.codec = Codec::kNone;
  ByteView plain = raw;
  if (codec_.codec == Codec::kZstd) {
    if (const std::optional<ByteView> frame = contexts_->compressor.Compress(raw)) {
      plain = *frame;
      ref.codec = Codec::kZstd;
    }
  }
  HkdfSha256(domain_.secret.view(), Sha256(plain), contexts_->info, ref.key);
  auto bytes = std::make_shared<Bytes>(plain.size() + kGcmTagBytes);
  GcmSealNonceZero(ref.key, {}, plain, *bytes);
  ref.sealed_length = static_cast<uint32_t>(bytes->size());
  VerifiedSealed sealed = NameSealed(std::move(bytes));
  ref.id = sealed.id();
  return SealedChunk{ref, std::move(sealed)};
}

absl::Status OpenChunk(const VerifiedSealed& sealed, const ChunkRef& ref, MutableByteView raw) {
  if (sealed.id() != ref.id) return absl::InternalError("opening a chunk with another's reference");
  if (raw.size() != ref.raw_length) {
    return absl::InvalidArgumentError(absl::StrCat("chunk ", ref.id.ToHex(), ": room for ",
                                                   raw.size(), " of ", ref.raw_length, " bytes"));
  }
  const ByteView bytes = sealed.bytes();
  if (bytes.size() != ref.sealed_length || bytes.size() < kGcmTagBytes) {
    return Altered(ref, absl::StrCat(bytes.size(), " sealed bytes instead of ", ref.sealed_length));
  }
  const size_t plain_length = bytes.size() - kGcmTagBytes;
  if (ref.codec == Codec::kNone) {
    if (plain_length != raw.size()) return Altered(ref, "its stored length is not its length");
    return GcmOpenNonceZero(ref.key, {}, bytes, raw) ? absl::OkStatus()
                                                     : Altered(ref, "its key does not open it");
  }
  if (ref.codec != Codec::kZstd) return Altered(ref, "unknown codec");
  const MutableByteView plain = Scratch(plain_length);
  if (!GcmOpenNonceZero(ref.key, {}, bytes, plain)) return Altered(ref, "its key does not open it");
  const absl::Status decompressed = Decompress(plain, raw);
  if (!decompressed.ok()) {
    std::fill(raw.begin(), raw.end(), 0);
    return Altered(ref, decompressed.message());
  }
  return absl::OkStatus();
}

}  // namespace floe::store
