// SPDX-License-Identifier: Apache-2.0
// The manifest's fixed parts: header, signatures, recipients. Grammar: doc/manifest.md. Inside the
// store only; others use store/manifest.h.
#pragma once

#include <string>
#include <vector>

#include "base/codec.h"
#include "base/status.h"
#include "store/manifest.h"
#include "store/seal/cipher.h"

namespace floe::store {

inline constexpr uint16_t kManifestVersion = 1;
inline constexpr size_t kManifestHeaderBytes = 256;
inline constexpr size_t kManifestCommitOffset = 88;  // commit[32] within the header
inline constexpr size_t kChunkEntryBytes = 40;       // key[32], raw length, sealed length | codec
inline constexpr size_t kExtentBytes = 8;
inline constexpr size_t kMaxFactsBytes = 64 << 10;  // the type-length-values of the table
inline constexpr size_t kMaxSignatures = 8;
inline constexpr size_t kMaxPacks = 4;
inline constexpr uint32_t kMaxSealedChunkBytes = kMaxRawChunkBytes + 16;

// Critical flags: a reader that does not know one refuses the file.
inline constexpr uint32_t kCriticalPack = 1;  // this BODY is a start pack, `of` names its manifest

struct ManifestHeader {
  uint32_t critical_flags = 0;
  uint32_t flags = 0;  // unknown ones are ignored
  uint32_t chunks = 0;
  uint32_t extents = 0;
  uint32_t max_raw = 0;     // bytes, the longest chunk
  uint32_t max_sealed = 0;  // bytes
  uint64_t image_size = 0;
  uint64_t table_length = 0;  // bytes of the plain TABLE
  RootId birth_root{};
  DomainId domain_id{};
  Key256 commit{};
  ManifestId of;  // zero unless kCriticalPack

  // HEADER, IDS, TABLE and TAG.
  uint64_t BodyBytes() const {
    return kManifestHeaderBytes + uint64_t{32} * chunks + table_length + 16;
  }
};

void EncodeHeader(const ManifestHeader& header, LittleEndianWriter& out);
// Checks everything that the header says about itself. FAILED_PRECONDITION: newer version, unknown
// critical flag, cipher, file system or block size; INVALID_ARGUMENT: malformed. The caller decides
// whether it wants a pack.
absl::StatusOr<ManifestHeader> DecodeHeader(ByteView bytes);

void EncodeSignatures(const std::vector<Signature>& signatures, LittleEndianWriter& out);
absl::StatusOr<std::vector<Signature>> DecodeSignatures(LittleEndianReader& in);

// INVALID_ARGUMENT when a stanza exceeds its bounds.
absl::Status EncodeRecipients(const std::vector<RecipientStanza>& stanzas, LittleEndianWriter& out);
absl::StatusOr<std::vector<RecipientStanza>> DecodeRecipients(LittleEndianReader& in);

// A FILE taken apart; views into the bytes given.
struct ManifestParts {
  ManifestHeader header;
  ByteView body;
  ByteView ids;    // 32 bytes each
  ByteView table;  // TABLE and TAG
  ManifestId id;
  std::vector<Signature> signatures;
  std::vector<RecipientStanza> recipients;
  size_t packs = 0;  // well-formed ones; others are skipped
};
enum class ManifestForm { kFile, kRecord };  // a record is BODY | SIGNATURES
// Bounds and grammar, and that ids ascend. Errors as ParseManifestEnvelope.
absl::StatusOr<ManifestParts> SplitManifest(ByteView bytes, ManifestForm form);

}  // namespace floe::store
