// SPDX-License-Identifier: Apache-2.0
#include "oci/media_types.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace floe::oci {
namespace {

constexpr char kOciNondistributable[] = "application/vnd.oci.image.layer.nondistributable.v1.tar";
constexpr char kDockerForeign[] = "application/vnd.docker.image.rootfs.foreign.diff.tar";

}  // namespace

LayerCompression CompressionOf(absl::string_view media_type) {
  for (const char* base : {kOciLayer, kOciNondistributable, kDockerLayer, kDockerForeign}) {
    absl::string_view suffix = media_type;
    if (!absl::ConsumePrefix(&suffix, base)) continue;
    if (suffix.empty()) return LayerCompression::kNone;
    if (suffix == "+gzip" || suffix == ".gzip") return LayerCompression::kGzip;
    if (suffix == "+zstd" || suffix == ".zstd") return LayerCompression::kZstd;
  }
  return LayerCompression::kUnknown;
}

bool IsIndex(absl::string_view media_type) {
  return media_type == kOciIndex || media_type == kDockerIndex;
}

bool IsManifest(absl::string_view media_type) {
  return media_type == kOciManifest || media_type == kDockerManifest;
}

bool IsSchema1(absl::string_view media_type) {
  return media_type == kDockerSchema1 || media_type == kDockerSchema1Signed;
}

bool IsConfig(absl::string_view media_type) {
  return media_type == kOciConfig || media_type == kDockerConfig;
}

}  // namespace floe::oci
