// SPDX-License-Identifier: Apache-2.0
// Image manifests and indexes. Parsing never trusts: sizes, counts and digests are checked; schema
// 1 and unknown media types are refused by name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "oci/descriptor.h"

namespace floe::oci {

// Largest documents accepted: what containerd and registries accept, with room.
inline constexpr uint64_t kMaxManifestDocument = 4 << 20;
inline constexpr uint64_t kMaxConfigDocument = 8 << 20;
inline constexpr size_t kMaxLayers = 4096;
inline constexpr size_t kMaxIndexEntries = 4096;

struct ImageManifest {
  std::string media_type;  // kOciManifest or kDockerManifest
  Descriptor config;
  std::vector<Descriptor> layers;
  Annotations annotations;
  std::optional<Descriptor> subject;
  std::string artifact_type;
  std::string other;  // unknown members, as a JSON object's text
};

struct ImageIndex {
  std::string media_type;  // kOciIndex or kDockerIndex
  std::vector<Descriptor> manifests;
  Annotations annotations;
  std::optional<Descriptor> subject;
  std::string artifact_type;
  std::string other;
};

// `media_type` is what the transport said; the document's own field wins when both are known and
// differ only by being absent, and a contradiction is refused.
// FAILED_PRECONDITION for schema 1, INVALID_ARGUMENT for everything else that is not right.
absl::StatusOr<ImageManifest> ParseManifest(ByteView json, absl::string_view media_type);
absl::StatusOr<ImageIndex> ParseIndex(ByteView json, absl::string_view media_type);

// Members in a fixed order, so the same value gives the same bytes.
std::string SerializeManifest(const ImageManifest& manifest);
std::string SerializeIndex(const ImageIndex& index);

// What a document is, from the transport's media type or, where that says nothing, its members:
// one of the media types of media_types.h. INVALID_ARGUMENT names a type that is none of them.
absl::StatusOr<std::string> DocumentType(ByteView json, absl::string_view media_type);

}  // namespace floe::oci
