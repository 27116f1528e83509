// SPDX-License-Identifier: Apache-2.0
// Media types of images, OCI and Docker schema 2, and what they mean to floe.
#pragma once

#include "absl/strings/string_view.h"

namespace floe::oci {

inline constexpr char kOciIndex[] = "application/vnd.oci.image.index.v1+json";
inline constexpr char kOciManifest[] = "application/vnd.oci.image.manifest.v1+json";
inline constexpr char kOciConfig[] = "application/vnd.oci.image.config.v1+json";
inline constexpr char kOciLayer[] = "application/vnd.oci.image.layer.v1.tar";
inline constexpr char kOciLayerGzip[] = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr char kOciLayerZstd[] = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr char kDockerIndex[] = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr char kDockerManifest[] = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr char kDockerSchema1[] = "application/vnd.docker.distribution.manifest.v1+json";
inline constexpr char kDockerSchema1Signed[] =
    "application/vnd.docker.distribution.manifest.v1+prettyjws";
inline constexpr char kDockerConfig[] = "application/vnd.docker.container.image.v1+json";
inline constexpr char kDockerLayer[] = "application/vnd.docker.image.rootfs.diff.tar";
inline constexpr char kDockerLayerGzip[] = "application/vnd.docker.image.rootfs.diff.tar.gzip";

// How a layer's tar is compressed, as its media type says. kUnknown: not a layer that floe knows.
enum class LayerCompression { kNone, kGzip, kZstd, kUnknown };

// Knows the types above, their "foreign"/"nondistributable" variants and Docker's ".zstd".
LayerCompression CompressionOf(absl::string_view media_type);

bool IsIndex(absl::string_view media_type);
bool IsManifest(absl::string_view media_type);
bool IsSchema1(absl::string_view media_type);
bool IsConfig(absl::string_view media_type);

}  // namespace floe::oci
