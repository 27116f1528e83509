// SPDX-License-Identifier: Apache-2.0
#include "converter/source/select.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "converter/image/media_types.h"

namespace floe::converter {
namespace {

// BuildKit marks attestations with this annotation and platform unknown/unknown.
constexpr char kReferenceType[] = "vnd.docker.reference.type";

bool IsImageEntry(const Descriptor& entry) {
  if (!IsManifest(entry.media_type)) return false;
  if (entry.annotations.count(kReferenceType) > 0) return false;
  if (!entry.artifact_type.empty() && !IsConfig(entry.artifact_type)) return false;
  return !entry.platform || entry.platform->os != "unknown";
}

// Entries without a platform get it from their config.
absl::StatusOr<SourceImage> ReadImage(ImageSource& source, const Descriptor& descriptor) {
  FLOE_ASSIGN_OR_RETURN(Bytes bytes, source.ReadBlob(descriptor, kMaxManifestDocument));
  absl::StatusOr<ImageManifest> manifest = ParseManifest(bytes, descriptor.media_type);
  if (!manifest.ok()) return Annotate(manifest.status(), source.Name());
  if (!IsConfig(manifest->config.media_type)) {
    return absl::InvalidArgumentError(absl::StrCat(
        source.Name(), ": media type \"", manifest->config.media_type,
        "\" of the config is not that of a container image; floe converts container images only"));
  }
  FLOE_ASSIGN_OR_RETURN(Bytes config_bytes, source.ReadBlob(manifest->config, kMaxConfigDocument));
  absl::StatusOr<ImageConfig> config = ImageConfig::Parse(config_bytes);
  if (!config.ok()) return Annotate(config.status(), source.Name());
  const Descriptor config_descriptor = manifest->config;
  const Platform platform = Normalized(descriptor.platform.value_or(config->platform()));
  return SourceImage{descriptor,        std::move(bytes),        *std::move(manifest),
                     config_descriptor, std::move(config_bytes), *std::move(config),
                     platform};
}

absl::Status CheckLayers(const ImageSource& source, const SourceImage& image) {
  for (const Descriptor& layer : image.manifest.layers) {
    if (CompressionOf(layer.media_type) != LayerCompression::kUnknown) continue;
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

absl::StatusOr<ImageIndex> ReadIndex(ImageSource& source, const Descriptor& descriptor) {
  FLOE_ASSIGN_OR_RETURN(const Bytes bytes, source.ReadBlob(descriptor, kMaxManifestDocument));
  absl::StatusOr<ImageIndex> index = ParseIndex(bytes, descriptor.media_type);
  if (!index.ok()) return Annotate(index.status(), source.Name());
  for (Descriptor& entry : index->manifests) {
    if (entry.platform || !IsImageEntry(entry)) continue;
    FLOE_ASSIGN_OR_RETURN(const SourceImage image, ReadImage(source, entry));
    entry.platform = image.platform;
  }
  return index;
}

std::string NamesOf(const std::vector<const Descriptor*>& entries) {
  std::vector<std::string> names;
  for (const Descriptor* entry : entries) names.push_back(entry->platform->ToString());
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

absl::Status NotOffered(const ImageSource& source, const Platform& wanted,
                        absl::string_view offered) {
  return absl::NotFoundError(absl::StrCat(source.Name(), ": no image for platform ",
                                          wanted.ToString(), "; there are: ", offered,
                                          " (choose with --platform or --all-platforms)"));
}

// The entry that serves `wanted` best, the first of equals.
const Descriptor* Best(const std::vector<const Descriptor*>& entries, const Platform& wanted) {
  const Descriptor* best = nullptr;
  int best_distance = 0;
  for (const Descriptor* entry : entries) {
    const int distance = PlatformDistance(wanted, *entry->platform);
    if (distance < 0 || (best != nullptr && distance >= best_distance)) continue;
    best = entry;
    best_distance = distance;
  }
  return best;
}

std::vector<Platform> Wanted(const PlatformChoice& choice) {
  return choice.platforms.empty() ? std::vector<Platform>{HostPlatform()} : choice.platforms;
}

absl::StatusOr<std::set<std::string>> ChooseDigests(const ImageSource& source,
                                                    const std::vector<const Descriptor*>& entries,
                                                    const PlatformChoice& choice) {
  std::set<std::string> chosen;
  if (choice.all) {
    for (const Descriptor* entry : entries) chosen.insert(entry->digest);
    if (chosen.empty()) {
      return absl::NotFoundError(
          absl::StrCat(source.Name(), ": the index names no container image"));
    }
    return chosen;
  }
  for (const Platform& wanted : Wanted(choice)) {
    const Descriptor* best = Best(entries, wanted);
    if (best == nullptr) return NotOffered(source, wanted, NamesOf(entries));
    chosen.insert(best->digest);
  }
  return chosen;
}

std::vector<const Descriptor*> ImageEntries(const ImageIndex& index) {
  std::vector<const Descriptor*> entries;
  for (const Descriptor& entry : index.manifests) {
    if (IsImageEntry(entry)) entries.push_back(&entry);
  }
  return entries;
}

absl::Status AddFromIndex(ImageSource& source, const PlatformChoice& choice, Selection& selection) {
  const std::vector<const Descriptor*> entries = ImageEntries(*selection.index);
  FLOE_ASSIGN_OR_RETURN(std::set<std::string> chosen, ChooseDigests(source, entries, choice));
  for (const Descriptor* entry : entries) {
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
    for (const Platform& wanted : choice.platforms) {
      if (PlatformDistance(wanted, image.platform) < 0) {
        return NotOffered(source, wanted, image.platform.ToString());
      }
    }
  }
  FLOE_RETURN_IF_ERROR(CheckLayers(source, image));
  selection.images.push_back(std::move(image));
  return absl::OkStatus();
}

// Resolves, and settles what the top document is when the transport's type says nothing.
absl::StatusOr<Descriptor> ResolveTop(ImageSource& source) {
  FLOE_ASSIGN_OR_RETURN(Descriptor top, source.Resolve());
  FLOE_ASSIGN_OR_RETURN(const Bytes bytes, source.ReadBlob(top, kMaxManifestDocument));
  absl::StatusOr<std::string> type = DocumentType(bytes, top.media_type);
  if (!type.ok()) return Annotate(type.status(), source.Name());
  top.media_type = *std::move(type);
  return top;
}

}  // namespace

absl::StatusOr<Selection> SelectImages(ImageSource& source, const PlatformChoice& choice) {
  Selection selection;
  FLOE_ASSIGN_OR_RETURN(selection.top, ResolveTop(source));
  if (IsIndex(selection.top.media_type)) {
    FLOE_ASSIGN_OR_RETURN(selection.index, ReadIndex(source, selection.top));
    FLOE_RETURN_IF_ERROR(AddFromIndex(source, choice, selection));
  } else {
    FLOE_RETURN_IF_ERROR(AddSingle(source, choice, selection));
  }
  return selection;
}

absl::StatusOr<std::vector<Platform>> ListPlatforms(ImageSource& source) {
  FLOE_ASSIGN_OR_RETURN(const Descriptor top, ResolveTop(source));
  std::vector<Platform> platforms;
  if (!IsIndex(top.media_type)) {
    FLOE_ASSIGN_OR_RETURN(const SourceImage image, ReadImage(source, top));
    platforms.push_back(image.platform);
    return platforms;
  }
  FLOE_ASSIGN_OR_RETURN(const ImageIndex index, ReadIndex(source, top));
  for (const Descriptor* entry : ImageEntries(index)) platforms.push_back(*entry->platform);
  return platforms;
}

}  // namespace floe::converter
