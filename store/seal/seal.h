// SPDX-License-Identifier: Apache-2.0
// Raw chunk -> sealed chunk -> raw chunk: pure functions, no I/O (store.md, "Chunk").
//
//   p      = codec(raw)
//   K      = HKDF-SHA256(salt = domain secret, ikm = SHA-256(p),
//                        info = "floe/chunk/v1" | aead | domain_id | birth_root)
//   sealed = AES-256-GCM(K, nonce 0, p, no associated data)          (ciphertext | 16-byte tag)
//   id     = SHA-256(sealed)
//
// Nonce 0 is safe because K is derived from the very bytes it encrypts.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "store/chunk_id.h"
#include "store/seal/sealed_chunk.h"

namespace floe::store {

inline constexpr size_t kBlockBytes = 4096;
inline constexpr size_t kMaxRawChunkBytes = 1 << 20;

enum class Codec : uint8_t { kNone = 0, kZstd = 1 };
enum class Aead : uint8_t { kAes256Gcm = 1 };

using RootId = std::array<uint8_t, 16>;
using DomainId = std::array<uint8_t, 16>;

// The domain of the empty secret, chosen explicitly by its name "public" (store.md, "Domain").
inline constexpr DomainId kPublicDomain = {'p', 'u', 'b', 'l', 'i', 'c'};

// What a converter seals with. The secret may be empty: the domain "public".
struct SealingDomain {
  DomainId domain_id{};
  RootId birth_root{};
  Secret secret;  // 32 bytes or empty
};

struct CodecParameters {
  Codec codec = Codec::kZstd;
  int level = 3;
};

// What a manifest keeps of a chunk. `key` is secret: never logged, wiped with its owner.
struct ChunkRef {
  ChunkId id;
  std::array<uint8_t, 32> key{};
  uint32_t raw_length = 0;     // bytes, a multiple of kBlockBytes, <= kMaxRawChunkBytes
  uint32_t sealed_length = 0;  // bytes
  Codec codec = Codec::kZstd;
};

// Many of them, in secret pages.
using ChunkRefs = std::vector<ChunkRef, SecretAllocator<ChunkRef>>;

struct SealedChunk {
  ChunkRef ref;
  VerifiedSealed sealed;
};

// Seals chunks one after the other with one set of zstd and OpenSSL contexts. Not thread safe: one
// per thread. The same input gives the same output in every build (a golden test guards it).
class Sealer {
 public:
  // `domain` is borrowed.
  Sealer(const SealingDomain& domain, const CodecParameters& codec);
  ~Sealer();
  // `raw` is 1..kMaxRawChunkBytes bytes. A chunk that zstd does not shrink is stored with kNone.
  absl::StatusOr<SealedChunk> Seal(ByteView raw);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
  const SealingDomain& domain_;
  CodecParameters codec_;
};

// Opens `sealed` into `raw`, which is exactly ref.raw_length bytes. DATA_LOSS when length, tag or
// decompressed length is not what `ref` says. Thread safe.
absl::Status OpenChunk(const VerifiedSealed& sealed, const ChunkRef& ref, MutableByteView raw);

}  // namespace floe::store
