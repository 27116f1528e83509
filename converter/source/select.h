// SPDX-License-Identifier: Apache-2.0
// From a named image or index to the images for the platforms asked for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "converter/source/image_source.h"
#include "oci/config.h"
#include "oci/manifest.h"

namespace floe::converter {

struct PlatformChoice {
  std::vector<oci::Platform> platforms;  // --platform, may be repeated; empty: the host's
  bool all = false;                      // --all-platforms
};

// One image of one platform, its small documents read and verified.
struct SourceImage {
  oci::Descriptor descriptor;  // of the manifest, as the index or the name gave it
  Bytes manifest_bytes;        // exactly as stored
  oci::ImageManifest manifest;
  oci::Descriptor config_descriptor;
  Bytes config_bytes;
  oci::ImageConfig config;
  oci::Platform platform;  // the index's, else the config's
};

struct Selection {
  oci::Descriptor top;                   // what the name points to
  std::optional<oci::ImageIndex> index;  // when that is an index
  std::vector<SourceImage> images;       // in the index's order; one when there is no index
};

// Reads what `source` names and picks. Attestation manifests (in-toto) and other entries that are
// no images are passed over. NOT_FOUND names the platforms there are when one asked for is missing;
// FAILED_PRECONDITION for schema 1; INVALID_ARGUMENT for unknown media types, by name, and when the
// numbers of layers and diff ids differ.
absl::StatusOr<Selection> SelectImages(ImageSource& source, const PlatformChoice& choice);

// The platforms of the image or index, in its order, without attestations.
absl::StatusOr<std::vector<oci::Platform>> ListPlatforms(ImageSource& source);

}  // namespace floe::converter
