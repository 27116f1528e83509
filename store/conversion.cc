// SPDX-License-Identifier: Apache-2.0
#include "store/conversion.h"

#include <algorithm>

#include "base/codec.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

constexpr absl::string_view kRecordMagic = "FLOECNV1";

// Length before text, so that no two inputs give the same bytes.
void PutText(absl::string_view text, LittleEndianWriter& out) {
  out.Put(static_cast<uint64_t>(text.size()));
  out.PutBytes(AsBytes(text));
}

void PutSorted(std::vector<std::string> texts, LittleEndianWriter& out) {
  std::sort(texts.begin(), texts.end());
  out.Put(static_cast<uint64_t>(texts.size()));
  for (const std::string& text : texts) PutText(text, out);
}

void PutPart(const Bytes& part, LittleEndianWriter& out) {
  out.Put(static_cast<uint32_t>(part.size()));
  out.PutBytes(part);
}

Bytes GetPart(LittleEndianReader& in) {
  const ByteView part = in.GetBytes(in.Get<uint32_t>());
  return Bytes(part.begin(), part.end());
}

absl::Status Damaged() {
  return absl::DataLossError(
      "the record of an earlier conversion is damaged; delete it under x/ and convert again");
}

}  // namespace

ConversionId ComputeConversionId(const Secret& domain_secret, const ConversionInputs& inputs) {
  LittleEndianWriter message;
  PutText("floe/conversion/v1", message);
  PutText(inputs.source_digest, message);
  PutText(inputs.platform, message);
  message.Put(inputs.layout_version);
  PutText(inputs.chunker_parameters, message);
  PutText(inputs.codec_parameters, message);
  PutSorted(inputs.recipients, message);
  PutSorted(inputs.signers, message);
  PutText(inputs.profile, message);
  return ConversionId{HmacSha256(domain_secret.view(), message.view())};
}

Bytes EncodeConversionRecord(const ConversionRecord& record) {
  LittleEndianWriter out;
  out.PutBytes(AsBytes(kRecordMagic));
  out.PutBytes(record.manifest.bytes);
  out.PutBytes(record.birth_root);
  PutPart(record.image_manifest, out);
  PutPart(record.config, out);
  PutPart(record.layer, out);
  out.PutBytes(Sha256(out.view()));
  return out.Take();
}

absl::StatusOr<ConversionRecord> DecodeConversionRecord(ByteView bytes) {
  if (bytes.size() < 32) return Damaged();
  const ByteView content = bytes.first(bytes.size() - 32);
  const Sha256Digest digest = Sha256(content);
  if (!std::equal(digest.begin(), digest.end(), bytes.begin() + content.size())) return Damaged();
  LittleEndianReader in(content);
  if (AsText(in.GetBytes(kRecordMagic.size())) != kRecordMagic) return Damaged();
  ConversionRecord record;
  const ByteView manifest = in.GetBytes(record.manifest.bytes.size());
  std::copy(manifest.begin(), manifest.end(), record.manifest.bytes.begin());
  const ByteView root = in.GetBytes(record.birth_root.size());
  std::copy(root.begin(), root.end(), record.birth_root.begin());
  record.image_manifest = GetPart(in);
  record.config = GetPart(in);
  record.layer = GetPart(in);
  if (!in.ok() || in.remaining() != 0) return Damaged();
  return record;
}

}  // namespace floe::store
