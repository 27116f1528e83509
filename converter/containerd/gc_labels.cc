// SPDX-License-Identifier: Apache-2.0
#include "converter/containerd/gc_labels.h"

#include "absl/strings/str_cat.h"
#include "oci/manifest.h"
#include "oci/media_types.h"

namespace floe::converter {
namespace {

constexpr char kRefPrefix[] = "containerd.io/gc.ref.content.";

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> GcLabels(absl::string_view media_type,
                                                            ByteView bytes) {
  std::map<std::string, std::string> labels;
  if (oci::IsIndex(media_type)) {
    FLOE_ASSIGN_OR_RETURN(const oci::ImageIndex index, oci::ParseIndex(bytes, media_type));
    for (size_t i = 0; i < index.manifests.size(); ++i) {
      labels[absl::StrCat(kRefPrefix, "m.", i)] = index.manifests[i].digest;
    }
    return labels;
  }
  FLOE_ASSIGN_OR_RETURN(const oci::ImageManifest manifest, oci::ParseManifest(bytes, media_type));
  labels[absl::StrCat(kRefPrefix, "config")] = manifest.config.digest;
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    labels[absl::StrCat(kRefPrefix, "l.", i)] = manifest.layers[i].digest;
  }
  return labels;
}

}  // namespace floe::converter
