// SPDX-License-Identifier: Apache-2.0
// room: store
// Manifests from a hostile registry, and from a trusted converter that goes wrong: the first byte
// chooses. What opens must keep every rule that the reader relies on.
#include <cstdlib>

#include "store/manifest/format.h"
#include "store/manifest/keys.h"
#include "store/manifest/table.h"
#include "test/unit/store/manifest/manifest_sample.h"

namespace floe::store {
namespace {

void Require(bool ok) {
  if (!ok) std::abort();
}

void CheckRules(const absl::StatusOr<Manifest>& manifest) {
  if (!manifest.ok()) return;
  const uint64_t blocks = manifest->image_size / kBlockBytes;
  uint64_t end = 0;
  for (const Extent& extent : manifest->extents) {
    Require(extent.chunk < manifest->chunks.size());
    Require(extent.first_block >= end);
    end = extent.first_block + manifest->chunks[extent.chunk].raw_length / kBlockBytes;
    Require(end <= blocks);
  }
  for (const ChunkRef& chunk : manifest->chunks) {
    Require(chunk.raw_length > 0 && chunk.raw_length <= kMaxRawChunkBytes);
    Require(chunk.sealed_length >= 16 && chunk.sealed_length <= chunk.raw_length + 16);
  }
}

// Bytes as they come: grammar, signature, stanzas.
void OpenAsIs(ByteView file) {
  auto envelope = ParseManifestEnvelope(file);
  (void)ParseManifestRecord(file);
  CheckRules(OpenManifest(file, {{}, true}, SampleRing(0x55)));
  if (envelope.ok())
    Require(envelope->id.bytes ==
            Sha256(file.first(kManifestHeaderBytes + 32 * envelope->ids.size() +
                              (*DecodeHeader(file.first(kManifestHeaderBytes))).table_length +
                              kGcmTagBytes)));
}

// HEADER | IDS | plain TABLE, encrypted and closed as a converter would: behind the tag.
void OpenEncrypted(ByteView bytes) {
  if (bytes.size() < kManifestHeaderBytes) return;
  auto header = DecodeHeader(bytes.first(kManifestHeaderBytes));
  if (!header.ok()) return;
  const ByteView rest = bytes.subspan(kManifestHeaderBytes);
  const size_t ids = size_t{32} * header->chunks;
  if (rest.size() < ids) return;
  const Secret file_key = SampleSecret(0x77);
  header->table_length = rest.size() - ids;
  header->commit = DeriveCommit(file_key);
  LittleEndianWriter out;
  EncodeHeader(*header, out);
  out.PutBytes(rest.first(ids));
  Bytes sealed(rest.size() - ids + kGcmTagBytes);
  GcmSealNonceZero(DeriveTableKey(file_key), out.view(), rest.subspan(ids), sealed);
  out.PutBytes(sealed);
  out.PutZeros(12);  // no signatures, recipients, packs
  CheckRules(OpenManifestWithFileKey(out.view(), {{}, true}, file_key));
}

}  // namespace
}  // namespace floe::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const floe::ByteView bytes(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    floe::store::OpenAsIs(bytes);
  } else {
    floe::store::OpenEncrypted(bytes);
  }
  return 0;
}
