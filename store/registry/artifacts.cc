// SPDX-License-Identifier: Apache-2.0
#include "store/registry/artifacts.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "oci/digest.h"
#include "oci/media_types.h"
#include "store/origin/store_layout.h"

namespace floe::store {
namespace {

constexpr char kIndexBlobType[] = "application/vnd.floe.index.v1+binary";
constexpr char kRecordBlobType[] = "application/vnd.floe.record.v1+binary";
constexpr char kPackBlobType[] = "application/vnd.floe.pack.v1+binary";
constexpr char kObjectBlobType[] = "application/vnd.floe.object.v1+binary";
constexpr char kObjectAnnotation[] = "floe.object";
constexpr char kSharedAnnotation[] = "floe.shared";
constexpr char kStoreTag[] = "floe-store";
constexpr absl::string_view kLogTagPrefix = "floe-log-";
constexpr absl::string_view kConversionTagPrefix = "floe-x-";

registry::StoredManifest Stored(const oci::ImageManifest& manifest) {
  const std::string text = oci::SerializeManifest(manifest);
  const ByteView bytes = AsBytes(text);
  return {oci::DescribeBytes(oci::kOciManifest, bytes), Bytes(bytes.begin(), bytes.end())};
}

oci::ImageManifest NewArtifact(const char* type) {
  oci::ImageManifest manifest;
  manifest.media_type = oci::kOciManifest;
  manifest.artifact_type = type;
  manifest.config = oci::DescribeBytes(kEmptyConfigType, AsBytes(kEmptyConfig));
  return manifest;
}

absl::Status NoArtifact(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("what lies there is no ", what,
                                          " of floe; delete that tag and convert the image again"));
}

bool AllDigits(absl::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == absl::string_view::npos;
}

}  // namespace

oci::Descriptor DescribePack(const PackBlob& pack) {
  oci::Descriptor descriptor;
  descriptor.media_type = kPackBlobType;
  descriptor.digest = oci::DigestString(pack.digest);
  descriptor.size = pack.size;
  return descriptor;
}

registry::StoredManifest EncodeIndexArtifact(const IndexArtifact& artifact) {
  oci::ImageManifest manifest = NewArtifact(kIndexArtifactType);
  manifest.annotations[kManifestAnnotation] = artifact.manifest.ToHex();
  if (artifact.shared) manifest.annotations[kSharedAnnotation] = "true";
  manifest.layers = {artifact.index, artifact.record};
  manifest.layers[0].media_type = kIndexBlobType;
  manifest.layers[1].media_type = kRecordBlobType;
  manifest.layers.insert(manifest.layers.end(), artifact.packs.begin(), artifact.packs.end());
  manifest.subject = artifact.subject;
  return Stored(manifest);
}

absl::StatusOr<IndexArtifact> DecodeIndexArtifact(const oci::ImageManifest& manifest) {
  const auto id = manifest.annotations.find(kManifestAnnotation);
  if (manifest.artifact_type != kIndexArtifactType || id == manifest.annotations.end() ||
      manifest.layers.size() < 2 || manifest.layers[0].media_type != kIndexBlobType ||
      manifest.layers[1].media_type != kRecordBlobType) {
    return NoArtifact("index");
  }
  const std::optional<ManifestId> named = ManifestId::FromHex(id->second);
  if (!named) return NoArtifact("index");
  IndexArtifact artifact;
  artifact.manifest = *named;
  artifact.index = manifest.layers[0];
  artifact.record = manifest.layers[1];
  artifact.packs.assign(manifest.layers.begin() + 2, manifest.layers.end());
  artifact.subject = manifest.subject;
  artifact.shared = manifest.annotations.count(kSharedAnnotation) > 0;
  return artifact;
}

registry::StoredManifest EncodeObjectArtifact(const std::string& name, ByteView bytes) {
  oci::ImageManifest manifest = NewArtifact(kObjectArtifactType);
  manifest.annotations[kObjectAnnotation] = name;
  manifest.layers = {oci::DescribeBytes(kObjectBlobType, bytes)};
  return Stored(manifest);
}

absl::StatusOr<oci::Descriptor> DecodeObjectArtifact(const oci::ImageManifest& manifest) {
  if (manifest.artifact_type != kObjectArtifactType || manifest.layers.size() != 1) {
    return NoArtifact("object");
  }
  return manifest.layers[0];
}

std::string ManifestTag(const ManifestId& id) { return absl::StrCat(kTagPrefix, id.ToHex()); }

std::string ConversionTag(const ConversionId& id) {
  return absl::StrCat(kConversionTagPrefix, id.ToHex());
}

std::optional<RegistryName> ParseRegistryName(absl::string_view name) {
  RegistryName parsed;
  if (name == kStoreInfoName) {
    parsed.tag = kStoreTag;
    return parsed;
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() == 2 && parts[0] == "log" && AllDigits(parts[1])) {
    parsed.tag = absl::StrCat(kLogTagPrefix, parts[1]);
    return parsed;
  }
  if (parts.size() == 2 && parts[0] == "x") {
    const std::optional<ConversionId> id = ConversionId::FromHex(parts[1]);
    if (!id) return std::nullopt;
    parsed.kind = ObjectKind::kConversion;
    parsed.conversion = *id;
    parsed.tag = ConversionTag(*id);
    return parsed;
  }
  if (parts.size() < 4 || parts[0] != "r") return std::nullopt;
  if (parts[2] == "m" && parts.size() == 4) {
    const std::optional<ManifestId> id = ManifestId::FromHex(parts[3]);
    if (!id) return std::nullopt;
    parsed.kind = ObjectKind::kRecord;
    parsed.manifest = *id;
    parsed.tag = ManifestTag(*id);
    return parsed;
  }
  if (parts[2] != "c" || parts.size() != 5) return std::nullopt;
  const std::optional<ChunkId> id = ChunkId::FromHex(parts[4]);
  if (!id) return std::nullopt;
  parsed.kind = ObjectKind::kChunk;
  parsed.chunk = *id;
  return parsed;
}

std::optional<RegistryName> ParseTag(absl::string_view tag) {
  if (tag == kStoreTag) return ParseRegistryName(kStoreInfoName);
  absl::string_view rest = tag;
  if (absl::ConsumePrefix(&rest, kLogTagPrefix))
    return ParseRegistryName(absl::StrCat("log/", rest));
  if (absl::ConsumePrefix(&rest, kConversionTagPrefix)) {
    return ParseRegistryName(absl::StrCat("x/", rest));
  }
  if (!absl::ConsumePrefix(&rest, kTagPrefix)) return std::nullopt;
  return ParseRegistryName(absl::StrCat("r/-/m/", rest));
}

std::string NameOfTag(const RegistryName& name, const std::string& root) {
  switch (name.kind) {
    case ObjectKind::kConversion:
      return ConversionName(name.conversion);
    case ObjectKind::kRecord:
      return absl::StrCat("r/", root, "/m/", name.manifest.ToHex());
    case ObjectKind::kChunk:
      break;
    case ObjectKind::kSmall:
      if (name.tag == kStoreTag) return kStoreInfoName;
      return absl::StrCat("log/", absl::StripPrefix(name.tag, kLogTagPrefix));
  }
  return "";
}

}  // namespace floe::store
