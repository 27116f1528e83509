// SPDX-License-Identifier: Apache-2.0
// Takes a manifest file apart without any key.
#include <cstring>

#include "absl/strings/str_cat.h"
#include "store/manifest/format.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("manifest: ", what, "; the file is damaged or is no floe manifest"));
}

absl::Status CheckAscending(ByteView ids) {
  for (size_t at = 32; at < ids.size(); at += 32) {
    if (std::memcmp(ids.data() + at - 32, ids.data() + at, 32) >= 0) {
      return Malformed("its chunk ids do not ascend");
    }
  }
  return absl::OkStatus();
}

// HEADER | IDS | TABLE | TAG from the start of `in`.
absl::Status SplitBody(LittleEndianReader& in, ByteView bytes, ManifestParts& parts) {
  const size_t start = in.position();
  FLOE_ASSIGN_OR_RETURN(parts.header, DecodeHeader(in.GetBytes(kManifestHeaderBytes)));
  parts.ids = in.GetBytes(size_t{32} * parts.header.chunks);
  parts.table = in.GetBytes(parts.header.table_length + kGcmTagBytes);
  if (!in.ok()) return Malformed("cut off");
  FLOE_RETURN_IF_ERROR(CheckAscending(parts.ids));
  parts.body = bytes.subspan(start, in.position() - start);
  parts.id = ManifestId{Sha256(parts.body)};
  return absl::OkStatus();
}

// A pack only makes a start faster, so one that is wrong or too new is passed over.
bool IsPackOf(const ManifestParts& manifest, ByteView bytes) {
  LittleEndianReader in(bytes);
  ManifestParts pack;
  if (!SplitBody(in, bytes, pack).ok()) return false;
  if (!DecodeSignatures(in).ok() || in.remaining() != 0) return false;
  const ManifestHeader& header = pack.header;
  return header.of == manifest.id && header.birth_root == manifest.header.birth_root &&
         header.domain_id == manifest.header.domain_id &&
         header.image_size == manifest.header.image_size;
}

absl::Status SplitPacks(LittleEndianReader& in, ManifestParts& parts) {
  const auto count = in.Get<uint32_t>();
  if (count > kMaxPacks) return Malformed(absl::StrCat(count, " start packs, 4 allowed"));
  for (uint32_t i = 0; i < count; ++i) {
    const ByteView pack = in.GetBytes(in.Get<uint32_t>());
    if (!in.ok()) return Malformed("cut off in its start packs");
    if (IsPackOf(parts, pack)) ++parts.packs;
  }
  return in.ok() ? absl::OkStatus() : Malformed("cut off before its start packs");
}

}  // namespace

absl::StatusOr<ManifestParts> SplitManifest(ByteView bytes, ManifestForm form) {
  if (bytes.size() > kMaxManifestBytes) return Malformed("longer than 256 MiB");
  LittleEndianReader in(bytes);
  ManifestParts parts;
  FLOE_RETURN_IF_ERROR(SplitBody(in, bytes, parts));
  if ((parts.header.critical_flags & kCriticalPack) != 0) {
    return Malformed("it is a start pack, not a manifest");
  }
  FLOE_ASSIGN_OR_RETURN(parts.signatures, DecodeSignatures(in));
  if (form == ManifestForm::kFile) {
    FLOE_ASSIGN_OR_RETURN(parts.recipients, DecodeRecipients(in));
    FLOE_RETURN_IF_ERROR(SplitPacks(in, parts));
  }
  if (in.remaining() != 0) return Malformed("bytes after its end");
  return parts;
}

}  // namespace floe::store
