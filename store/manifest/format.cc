// SPDX-License-Identifier: Apache-2.0
#include "store/manifest/format.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace floe::store {
namespace {

constexpr uint8_t kKdfHkdfSha256 = 1;
constexpr uint8_t kFileSystemErofs = 1;
constexpr uint8_t kBlockBits = 12;
constexpr uint16_t kEd25519 = 1;
constexpr size_t kHeaderTailZeros = 104;
constexpr size_t kMaxSchemeBytes = 32;
constexpr size_t kMaxHintBytes = 1024;
static_assert((1 << kBlockBits) == kBlockBytes);

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("manifest: ", what, "; the file is damaged or is no floe manifest"));
}

absl::Status Newer(absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat("manifest: ", what, "; it was made by a newer floe: update floe here"));
}

template <size_t N>
void GetArray(LittleEndianReader& in, std::array<uint8_t, N>& out) {
  const ByteView bytes = in.GetBytes(N);
  std::copy(bytes.begin(), bytes.end(), out.begin());
}

// The fields that say how to read the rest.
absl::Status CheckPreamble(LittleEndianReader& in, ManifestHeader& header) {
  if (AsText(in.GetBytes(8)) != absl::string_view(kManifestMagic, 8)) {
    return Malformed("it does not begin with the magic");
  }
  const auto version = in.Get<uint16_t>();
  if (version == 0) return Malformed("version 0");
  if (version != kManifestVersion) return Newer(absl::StrCat("version ", version));
  if (in.Get<uint16_t>() != 0) return Malformed("a reserved field is not zero");
  header.critical_flags = in.Get<uint32_t>();
  if ((header.critical_flags & ~kCriticalPack) != 0) return Newer("an unknown critical flag");
  header.flags = in.Get<uint32_t>();
  if (in.Get<uint8_t>() != static_cast<uint8_t>(Aead::kAes256Gcm)) return Newer("unknown cipher");
  if (in.Get<uint8_t>() != kKdfHkdfSha256) return Newer("unknown key derivation");
  if (in.Get<uint8_t>() != kFileSystemErofs) return Newer("unknown file system");
  if (in.Get<uint8_t>() != kBlockBits) return Newer("another block size than 4096");
  return absl::OkStatus();
}

absl::Status CheckSizes(const ManifestHeader& header) {
  if (header.max_raw > kMaxRawChunkBytes || header.max_sealed > kMaxSealedChunkBytes) {
    return Malformed("its longest chunk is longer than 1 MiB");
  }
  if (header.image_size % kBlockBytes != 0 || header.image_size / kBlockBytes > UINT32_MAX) {
    return Malformed("the flat image's size is not a number of blocks");
  }
  const uint64_t entries =
      kChunkEntryBytes * uint64_t{header.chunks} + kExtentBytes * uint64_t{header.extents};
  if (header.table_length < entries || header.table_length - entries > kMaxFactsBytes) {
    return Malformed("the table's length does not fit the number of chunks and extents");
  }
  if (header.BodyBytes() > kMaxManifestBytes) return Malformed("longer than 256 MiB");
  const bool pack = (header.critical_flags & kCriticalPack) != 0;
  if (pack != (header.of != ManifestId{})) return Malformed("a pack names no manifest");
  return absl::OkStatus();
}

absl::StatusOr<RecipientStanza> DecodeStanza(LittleEndianReader& in) {
  RecipientStanza stanza;
  stanza.scheme = std::string(AsText(in.GetBytes(in.Get<uint8_t>())));
  stanza.hint = std::string(AsText(in.GetBytes(in.Get<uint16_t>())));
  const ByteView blob = in.GetBytes(in.Get<uint16_t>());
  stanza.blob.assign(blob.begin(), blob.end());
  if (!in.ok()) return Malformed("cut off in its recipients");
  if (stanza.scheme.empty() || stanza.scheme.size() > kMaxSchemeBytes ||
      stanza.hint.size() > kMaxHintBytes || blob.size() > kMaxStanzaBlobBytes) {
    return Malformed("a recipient's stanza exceeds its bounds");
  }
  return stanza;
}

}  // namespace

void EncodeHeader(const ManifestHeader& header, LittleEndianWriter& out) {
  out.PutBytes(AsBytes(absl::string_view(kManifestMagic, 8)));
  out.Put(kManifestVersion);
  out.Put(uint16_t{0});
  out.Put(header.critical_flags);
  out.Put(header.flags);
  out.Put(static_cast<uint8_t>(Aead::kAes256Gcm));
  out.Put(kKdfHkdfSha256);
  out.Put(kFileSystemErofs);
  out.Put(kBlockBits);
  out.Put(header.chunks);
  out.Put(header.extents);
  out.Put(header.max_raw);
  out.Put(header.max_sealed);
  out.Put(header.image_size);
  out.Put(header.table_length);
  out.PutBytes(header.birth_root);
  out.PutBytes(header.domain_id);
  out.PutBytes(header.commit);
  out.PutBytes(header.of.bytes);
  out.PutZeros(kHeaderTailZeros);
}

absl::StatusOr<ManifestHeader> DecodeHeader(ByteView bytes) {
  LittleEndianReader in(bytes);
  ManifestHeader header;
  FLOE_RETURN_IF_ERROR(CheckPreamble(in, header));
  header.chunks = in.Get<uint32_t>();
  header.extents = in.Get<uint32_t>();
  header.max_raw = in.Get<uint32_t>();
  header.max_sealed = in.Get<uint32_t>();
  header.image_size = in.Get<uint64_t>();
  header.table_length = in.Get<uint64_t>();
  GetArray(in, header.birth_root);
  GetArray(in, header.domain_id);
  GetArray(in, header.commit);
  GetArray(in, header.of.bytes);
  const ByteView zeros = in.GetBytes(kHeaderTailZeros);
  if (!in.ok()) return Malformed("cut off in its header");
  if (std::any_of(zeros.begin(), zeros.end(), [](uint8_t b) { return b != 0; })) {
    return Malformed("a reserved field is not zero");
  }
  FLOE_RETURN_IF_ERROR(CheckSizes(header));
  return header;
}

void EncodeSignatures(const std::vector<Signature>& signatures, LittleEndianWriter& out) {
  out.Put(static_cast<uint32_t>(signatures.size()));
  for (const Signature& signature : signatures) {
    out.Put(kEd25519);
    out.Put(uint16_t{0});
    out.PutBytes(signature.key_id);
    out.PutBytes(signature.signature);
  }
}

absl::StatusOr<std::vector<Signature>> DecodeSignatures(LittleEndianReader& in) {
  const auto count = in.Get<uint32_t>();
  if (count > kMaxSignatures) return Malformed(absl::StrCat(count, " signatures, 8 allowed"));
  std::vector<Signature> signatures(count);
  for (Signature& signature : signatures) {
    const auto algorithm = in.Get<uint16_t>();
    const auto reserved = in.Get<uint16_t>();
    GetArray(in, signature.key_id);
    GetArray(in, signature.signature);
    if (in.ok() && algorithm != kEd25519) return Newer("an unknown kind of signature");
    if (reserved != 0) return Malformed("a reserved field is not zero");
  }
  if (!in.ok()) return Malformed("cut off in its signatures");
  return signatures;
}

absl::Status EncodeRecipients(const std::vector<RecipientStanza>& stanzas,
                              LittleEndianWriter& out) {
  if (stanzas.size() > kMaxRecipients) {
    return absl::InvalidArgumentError(
        absl::StrCat(stanzas.size(), " recipients; at most ", kMaxRecipients, " allowed"));
  }
  out.Put(static_cast<uint32_t>(stanzas.size()));
  for (const RecipientStanza& stanza : stanzas) {
    if (stanza.scheme.empty() || stanza.scheme.size() > kMaxSchemeBytes ||
        stanza.hint.size() > kMaxHintBytes || stanza.blob.size() > kMaxStanzaBlobBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("recipient ", stanza.scheme, ": its stanza exceeds the format's bounds"));
    }
    out.Put(static_cast<uint8_t>(stanza.scheme.size()));
    out.PutBytes(AsBytes(stanza.scheme));
    out.Put(static_cast<uint16_t>(stanza.hint.size()));
    out.PutBytes(AsBytes(stanza.hint));
    out.Put(static_cast<uint16_t>(stanza.blob.size()));
    out.PutBytes(stanza.blob);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RecipientStanza>> DecodeRecipients(LittleEndianReader& in) {
  const auto count = in.Get<uint32_t>();
  if (count > kMaxRecipients) return Malformed(absl::StrCat(count, " recipients, 32 allowed"));
  std::vector<RecipientStanza> stanzas;
  for (uint32_t i = 0; i < count; ++i) {
    FLOE_ASSIGN_OR_RETURN(RecipientStanza stanza, DecodeStanza(in));
    stanzas.push_back(std::move(stanza));
  }
  if (!in.ok()) return Malformed("cut off in its recipients");
  return stanzas;
}

}  // namespace floe::store
