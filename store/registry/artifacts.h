// SPDX-License-Identifier: Apache-2.0
// The artifact manifests that a store puts into a repository, and their tags
// (doc/registry-origin.md, "What lies in the repository"). Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oci/descriptor.h"
#include "oci/manifest.h"
#include "registry/repository.h"
#include "store/chunk_id.h"
#include "store/conversion.h"
#include "store/registry/pack_index.h"

namespace floe::store {

inline constexpr char kIndexArtifactType[] = "application/vnd.floe.index.v1";
inline constexpr char kObjectArtifactType[] = "application/vnd.floe.object.v1";
inline constexpr char kEmptyConfigType[] = "application/vnd.oci.empty.v1+json";
inline constexpr char kEmptyConfig[] = "{}";
// Annotation with the hexadecimal manifest id, on the index artifact and on the published image.
inline constexpr char kManifestAnnotation[] = "floe.manifest";

// The chunks of one manifest: index, record and every pack blob that the index names.
struct IndexArtifact {
  ManifestId manifest;
  oci::Descriptor index;
  oci::Descriptor record;
  std::vector<oci::Descriptor> packs;
  std::optional<oci::Descriptor> subject;  // the published image
  bool shared = false;                     // of several images: tied to none of them
};
registry::StoredManifest EncodeIndexArtifact(const IndexArtifact& artifact);
// DATA_LOSS unless the manifest is one of these.
absl::StatusOr<IndexArtifact> DecodeIndexArtifact(const oci::ImageManifest& manifest);
oci::Descriptor DescribePack(const PackBlob& pack);

// A small object (floe.json, log/<seq>) as the one layer of an artifact.
registry::StoredManifest EncodeObjectArtifact(const std::string& name, ByteView bytes);
absl::StatusOr<oci::Descriptor> DecodeObjectArtifact(const oci::ImageManifest& manifest);

// What an object's name means in a repository.
enum class ObjectKind { kSmall, kChunk, kRecord, kConversion };
struct RegistryName {
  ObjectKind kind = ObjectKind::kSmall;
  ChunkId chunk;            // kChunk
  ManifestId manifest;      // kRecord
  ConversionId conversion;  // kConversion
  std::string tag;          // all but kChunk
};
// nullopt for a name that has no place in a repository.
std::optional<RegistryName> ParseRegistryName(absl::string_view name);

inline constexpr char kTagPrefix[] = "floe-";
std::string ManifestTag(const ManifestId& id);      // floe-<id>
std::string ConversionTag(const ConversionId& id);  // floe-x-<id>
// The manifest or conversion or small object that a tag stands for; nullopt for other tags.
std::optional<RegistryName> ParseTag(absl::string_view tag);
// The name of what a tag stands for; `root` is for records.
std::string NameOfTag(const RegistryName& name, const std::string& root);

}  // namespace floe::store
