// SPDX-License-Identifier: Apache-2.0
// Manifests for tests: small, valid, the same each time.
#pragma once

#include <vector>

#include "store/manifest.h"
#include "store/seal/cipher.h"

namespace floe::store {

inline Secret SampleSecret(uint8_t fill) { return Secret::Copy(Bytes(32, fill)); }

// `chunks` chunks of two blocks, each behind a gap of one block.
inline Manifest SampleManifest(uint32_t chunks = 3) {
  Manifest manifest;
  manifest.image_size = kBlockBytes * (3 * uint64_t{chunks} + 1);
  manifest.birth_root.fill(0x33);
  manifest.domain_id.fill(0x22);
  manifest.facts = {"sha256:" + std::string(64, 'a'), "linux/amd64", 1, "cdc 65536/131072/1048576",
                    "zstd 3"};
  for (uint32_t i = 0; i < chunks; ++i) {
    ChunkRef chunk;
    for (int b = 0; b < 4; ++b) chunk.id.bytes[b] = static_cast<uint8_t>(i >> (24 - 8 * b));
    chunk.id.bytes[31] = 1;
    chunk.key.fill(static_cast<uint8_t>(i + 1));
    chunk.raw_length = 2 * kBlockBytes;
    chunk.sealed_length = 1000 + i % 1000;
    manifest.chunks.push_back(chunk);
    // The image's order is not the order of ids.
    manifest.extents.push_back({3 * i + 1, chunks - 1 - i});
  }
  return manifest;
}

inline SigningKey SampleSigner(uint8_t fill = 0x44) {
  return *SigningKey::FromSeed(SampleSecret(fill));
}
inline TrustPolicy TrustIn(const SigningKey& key) { return {{key.verifying_key()}, false}; }

inline Recipient SampleRecipient(uint8_t fill) {
  Secret key = SampleSecret(fill);
  std::string id = LocalKeyId(key);
  return Recipient::Local(std::move(id), std::move(key));
}
inline KeyRing SampleRing(uint8_t fill) {
  Secret key = SampleSecret(fill);
  std::string id = LocalKeyId(key);
  std::vector<LocalKey> keys;
  keys.push_back({std::move(id), std::move(key)});
  KeyRing ring;
  ring.Add(MakeLocalUnwrapper(std::move(keys)));
  return ring;
}

// Signed by SampleSigner(), for the recipients of these fills.
inline EncodedManifest SampleEncoded(const Manifest& manifest,
                                     std::vector<uint8_t> for_fills = {0x55}) {
  const SigningKey signer = SampleSigner();
  std::vector<Recipient> recipients;
  for (const uint8_t fill : for_fills) recipients.push_back(SampleRecipient(fill));
  return *EncodeManifest(manifest, SampleSecret(0x11), {&signer}, recipients);
}

// The body's bytes within the file.
inline size_t BodyBytes(const Manifest& manifest, const EncodedManifest& encoded) {
  (void)manifest;
  return encoded.body_and_signatures.size() - 4 - 100;  // one signature
}

inline bool SameManifest(const Manifest& a, const Manifest& b) {
  const auto same_chunk = [](const ChunkRef& x, const ChunkRef& y) {
    return x.id == y.id && x.key == y.key && x.raw_length == y.raw_length &&
           x.sealed_length == y.sealed_length && x.codec == y.codec;
  };
  const auto same_extent = [](const Extent& x, const Extent& y) {
    return x.first_block == y.first_block && x.chunk == y.chunk;
  };
  return a.image_size == b.image_size && a.birth_root == b.birth_root &&
         a.domain_id == b.domain_id && a.facts.source_digest == b.facts.source_digest &&
         a.facts.platform == b.facts.platform && a.facts.layout_version == b.facts.layout_version &&
         a.facts.chunker_parameters == b.facts.chunker_parameters &&
         a.facts.codec_parameters == b.facts.codec_parameters &&
         std::equal(a.chunks.begin(), a.chunks.end(), b.chunks.begin(), b.chunks.end(),
                    same_chunk) &&
         std::equal(a.extents.begin(), a.extents.end(), b.extents.begin(), b.extents.end(),
                    same_extent);
}

}  // namespace floe::store
