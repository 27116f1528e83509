// SPDX-License-Identifier: Apache-2.0
#include "converter/source/select.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "oci/media_types.h"

namespace floe::converter {
namespace {

// BuildKit marks attestations with this annotation and platform unknown/unknown.
constexpr char kReferenceType[] = "vnd.docker.reference.type";

bool IsImageEntry(const oci::Descriptor& entry) {
  if (!oci::IsManifest(entry.media_type)) return false;
  if (entry.annotations.count(kReferenceType) > 0) return false;
  if (!entry.artifact_type.empty() && !oci::IsConfig(entry.artifact_type)) return false;
  return !entry.platform || entry.platform->os != "unknown";
}

// Entries without a platform get it from their config.
absl::StatusOr<SourceImage> ReadImage(ImageSource& source, const oci::Descriptor& descriptor) {
  FLOE_ASSIGN_OR_RETURN(Bytes bytes, source.ReadBlob(descriptor, oci::kMaxManifestDocument));
  absl::StatusOr<oci::ImageManifest> manifest = oci::ParseManifest(bytes, descriptor.media_type);
  if (!manifest.ok()) return Annotate(manifest.status(), source.Name());
  if (!oci::IsConfig(manifest->config.media_type)) {
    return absl::InvalidArgumentError(absl::StrCat(
        source.Name(), ": media type \"", manifest->config.media_type,
        "\" of the config is not that of a container image; floe converts container images only"));
  }
  FLOE_ASSIGN_OR_RETURN(Bytes config_bytes,
                        source.ReadBlob(manifest->config, oci::kMaxConfigDocument));
  absl::StatusOr<oci::ImageConfig> config = oci::ImageConfig::Parse(config_bytes);
  if (!config.ok()) return Annotate(config.status(), source.Name());
  const oci::Descriptor config_descriptor = manifest->config;
  const oci::Platform platform = oci::Normalized(descriptor.platform.value_or(config->platform()));
  return SourceImage{descriptor,        std::move(bytes),        *std::move(manifest),
                     config_descriptor, std::move(config_bytes), *std::move(config),
                     platform};
}

absl::Status CheckLayers(const ImageSource& source, const SourceImage& image) {
  for (const oci::Descriptor& layer : image.manifest.layers) {
    if (oci::CompressionOf(layer.media_type) != oci::LayerCompression::kUnknown) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        source.Name(), ": layer ", layer.digest, " has media type \"", layer.media_type,
        "\", which floe does not know (plain, gzip and zstd tar layers it does)"));
  }
  const size_t ids = image.config.diff_ids().size();
  if (ids != image.manifest.layers.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(source.Name(), ": the manifest has ", image.manifest.layers.size(),
                     " layers, but the config has ", ids, " diff ids"));
  }
  return absl::OkStatus();
}

absl::StatusOr<oci::ImageIndex> ReadIndex(ImageSource& source, const oci::Descriptor& descriptor) {
  FLOE_ASSIGN_OR_RETURN(const Bytes bytes, source.ReadBlob(descriptor, oci::kMaxManifestDocument));
  absl::StatusOr<oci::ImageIndex> index = oci::ParseIndex(bytes, descriptor.media_type);
  if (!index.ok()) return Annotate(index.status(), source.Name());
  for (oci::Descriptor& entry : index->manifests) {
    if (entry.platform || !IsImageEntry(entry)) continue;
    FLOE_ASSIGN_OR_RETURN(const SourceImage image, ReadImage(source, entry));
    entry.platform = image.platform;
  }
  return index;
}

std::string NamesOf(const std::vector<const oci::Descriptor*>& entries) {
  std::vector<std::string> names;
  for (const oci::Descriptor* entry : entries) names.push_back(entry->platform->ToString());
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

absl::Status NotOffered(const ImageSource& source, const oci::Platform& wanted,
                        absl::string_view offered) {
  return absl::NotFoundError(absl::StrCat(source.Name(), ": no image for platform ",
                                          wanted.ToString(), "; there are: ", offered,
                                          " (choose with --platform or --all-platforms)"));
}

// The entry that serves `wanted` best, the first of equals.
const oci::Descriptor* Best(const std::vector<const oci::Descriptor*>& entries,
                            const oci::Platform& wanted) {
  const oci::Descriptor* best = nullptr;
  int best_distance = 0;
  for (const oci::Descriptor* entry : entries) {
    const int distance = oci::PlatformDistance(wanted, *entry->platform);
    if (distance < 0 || (best != nullptr && distance >= best_distance)) continue;
    best = entry;
    best_distance = distance;
  }
  return best;
}

std::vector<oci::Platform> Wanted(const PlatformChoice& choice) {
  return choice.platforms.empty() ? std::vector<oci::Platform>{oci::HostPlatform()}
                                  : choice.platforms;
}

absl::StatusOr<std::set<std::string>> ChooseDigests(
    const ImageSource& source, const std::vector<const oci::Descriptor*>& entries,
    const PlatformChoice& choice) {
  std::set<std::string> chosen;
  if (choice.all) {
    for (const oci::Descriptor* entry : entries) chosen.insert(entry->digest);
    if (chosen.empty()) {
      return absl::NotFoundError(
          absl::StrCat(source.Name(), ": the index names no container image"));
    }
    return chosen;
  }
  for (const oci::Platform& wanted : Wanted(choice)) {
    const oci::Descriptor* best = Best(entries, wanted);
    if (best == nullptr) return NotOffered(source, wanted, NamesOf(entries));
    chosen.insert(best->digest);
  }
  return chosen;
}

std::vector<const oci::Descriptor*> ImageEntries(const oci::ImageIndex& index) {
  std::vector<const oci::Descriptor*> entries;
  for (const oci::Descriptor& entry : index.manifests) {
    if (IsImageEntry(entry)) entries.push_back(&entry);
  }
  return entries;
}

absl::Status AddFromIndex(ImageSource& source, const PlatformChoice& choice, Selection& selection) {
  const std::vector<const oci::Descriptor*> entries = ImageEntries(*selection.index);
  FLOE_ASSIGN_OR_RETURN(std::set<std::string> chosen, ChooseDigests(source, entries, choice));
  for (const oci::Descriptor* entry : entries) {
    if (chosen.erase(entry->digest) == 0) continue;  // not chosen, or listed twice
    FLOE_ASSIGN_OR_RETURN(SourceImage image, ReadImage(source, *entry));
    FLOE_RETURN_IF_ERROR(CheckLayers(source, image));
    selection.images.push_back(std::move(image));
  }
  return absl::OkStatus();
}

// A name that is one image: it must fit when platforms were asked for by name; otherwise the one
// that is there is what the user means.
absl::Status AddSingle(ImageSource& source, const PlatformChoice& choice, Selection& selection) {
  FLOE_ASSIGN_OR_RETURN(SourceImage image, ReadImage(source, selection.top));
  if (!choice.all) {
    for (const oci::Platform& wanted : choice.platforms) {
      if (oci::PlatformDistance(wanted, image.platform) < 0) {
        return NotOffered(source, wanted, image.platform.ToString());
      }
    }
  }
  FLOE_RETURN_IF_ERROR(CheckLayers(source, image));
  selection.images.push_back(std::move(image));
  return absl::OkStatus();
}

// Resolves, and settles what the top document is when the transport's type says nothing.
absl::StatusOr<oci::Descriptor> ResolveTop(ImageSource& source) {
  FLOE_ASSIGN_OR_RETURN(oci::Descriptor top, source.Resolve());
  FLOE_ASSIGN_OR_RETURN(const Bytes bytes, source.ReadBlob(top, oci::kMaxManifestDocument));
  absl::StatusOr<std::string> type = oci::DocumentType(bytes, top.media_type);
  if (!type.ok()) return Annotate(type.status(), source.Name());
  top.media_type = *std::move(type);
  return top;
}

}  // namespace

absl::StatusOr<Selection> SelectImages(ImageSource& source, const PlatformChoice& choice) {
  Selection selection;
  FLOE_ASSIGN_OR_RETURN(selection.top, ResolveTop(source));
  if (oci::IsIndex(selection.top.media_type)) {
    FLOE_ASSIGN_OR_RETURN(selection.index, ReadIndex(source, selection.top));
    FLOE_RETURN_IF_ERROR(AddFromIndex(source, choice, selection));
  } else {
    FLOE_RETURN_IF_ERROR(AddSingle(source, choice, selection));
  }
  return selection;
}

absl::StatusOr<std::vector<oci::Platform>> ListPlatforms(ImageSource& source) {
  FLOE_ASSIGN_OR_RETURN(const oci::Descriptor top, ResolveTop(source));
  std::vector<oci::Platform> platforms;
  if (!oci::IsIndex(top.media_type)) {
    FLOE_ASSIGN_OR_RETURN(const SourceImage image, ReadImage(source, top));
    platforms.push_back(image.platform);
    return platforms;
  }
  FLOE_ASSIGN_OR_RETURN(const oci::ImageIndex index, ReadIndex(source, top));
  for (const oci::Descriptor* entry : ImageEntries(index)) platforms.push_back(*entry->platform);
  return platforms;
}

}  // namespace floe::converter
