// SPDX-License-Identifier: Apache-2.0
// The image that floe publishes: an ordinary OCI image with one small ordinary layer that holds the
// manifest (doc/published-image.md), and the way back.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "converter/source/select.h"

namespace floe::converter {

// Annotations on manifest and index.
inline constexpr char kAnnotationConversion[] = "floe.conversion";  // hex, see store.md
inline constexpr char kAnnotationSource[] = "floe.source.digest";   // of the source's manifest
inline constexpr char kAnnotationReadme[] = "floe.readme";          // what this image needs
inline constexpr char kAnnotationManifestId[] = "floe.manifest";    // hex manifest id
// Label in the config, shown by `docker inspect` and `nerdctl image inspect`.
inline constexpr char kLabelReadme[] = "floe.readme";
// created_by of the history's last entry.
inline constexpr char kHistoryCreatedBy[] = "floe convert";
// The one file of the layer, as the tar names it.
inline constexpr char kManifestPath[] = ".floe/manifest";

// A document and what it is called.
struct Document {
  oci::Descriptor descriptor;
  Bytes bytes;
};

struct TinyImage {
  Document layer;  // tar+gzip
  std::string diff_id;
  Document config;
  Document manifest;
};

// The published image of one platform. `floe_manifest` is EncodedManifest::file, `manifest_id` and
// `conversion` are hex. A pure function: the same input gives the same bytes on every machine.
absl::StatusOr<TinyImage> BuildTinyImage(const SourceImage& source, ByteView floe_manifest,
                                         absl::string_view manifest_id,
                                         absl::string_view conversion);

// An index over converted images, one for each of `images` (manifest descriptor, with the platform
// set from `source`). Annotations of the source index are kept; attestations are not.
Document BuildIndex(const Selection& source, const std::vector<TinyImage>& images);

// True when the manifest carries floe's annotations (a hint: what the layer holds decides).
bool LooksConverted(const oci::ImageManifest& manifest);

// The bytes of /.floe/manifest out of a published image's layer. NOT_FOUND when the image is none
// of floe's (other layers, no such file, no magic).
absl::StatusOr<Bytes> ReadFloeManifest(ImageSource& source, const oci::ImageManifest& manifest);

// The way back: config and manifest of an ordinary image whose one layer is `layer` (an OCI layer
// media type) with `diff_id`. floe's label, history entry and annotations are taken out.
struct ExportedImage {
  Document config;
  Document manifest;
};
absl::StatusOr<ExportedImage> BuildExportedImage(const SourceImage& published,
                                                 const oci::Descriptor& layer,
                                                 const std::string& diff_id);

}  // namespace floe::converter
