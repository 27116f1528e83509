// SPDX-License-Identifier: Apache-2.0
#include "converter/publish/tiny_image.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "converter/publish/tiny_layer.h"
#include "oci/digest.h"
#include "oci/media_types.h"

namespace floe::converter {
namespace {

constexpr char kExportedBy[] = "floe export";

std::string Readme(absl::string_view source_digest) {
  return absl::StrCat(
      "This image was converted by floe from ", source_digest,
      ". Its only layer is a map of chunks, so it runs on containerd nodes with the floe "
      "snapshotter (--snapshotter floe) and shows no files elsewhere. `floe export` turns it back "
      "into an ordinary image.");
}

Document MakeDocument(absl::string_view media_type, std::string text) {
  const ByteView bytes = AsBytes(text);
  return {oci::DescribeBytes(media_type, bytes), Bytes(bytes.begin(), bytes.end())};
}

// Annotations that floe adds; taken out again by export.
bool IsOurs(const std::string& annotation) { return absl::StartsWith(annotation, "floe."); }

oci::Annotations WithoutOurs(const oci::Annotations& annotations) {
  oci::Annotations kept;
  for (const auto& [name, value] : annotations) {
    if (!IsOurs(name)) kept[name] = value;
  }
  return kept;
}

// The time that the source gives itself; a conversion has none of its own, or it would not be
// reproducible.
std::string LastCreated(const oci::ImageConfig& config) {
  const std::vector<oci::HistoryEntry> history = config.history();
  if (!history.empty() && !history.back().created.empty()) return history.back().created;
  return config.created();
}

oci::ImageConfig ConvertedConfig(const SourceImage& source, const std::string& diff_id,
                                 const std::string& readme) {
  oci::ImageConfig config = source.config;
  config.DropLegacyMembers();
  config.RemoveHistory(kHistoryCreatedBy);
  config.SetDiffIds({diff_id});
  config.EmptyHistory();
  config.AppendHistory({LastCreated(source.config), kHistoryCreatedBy, readme, false});
  config.SetLabel(kLabelReadme, readme);
  return config;
}

// A subject says: I am about that one.
oci::Descriptor SubjectOf(const oci::Descriptor& source) {
  oci::Descriptor subject;
  subject.media_type = source.media_type;
  subject.digest = source.digest;
  subject.size = source.size;
  return subject;
}

}  // namespace

absl::StatusOr<TinyImage> BuildTinyImage(const SourceImage& source, ByteView floe_manifest,
                                         absl::string_view manifest_id,
                                         absl::string_view conversion) {
  if (floe_manifest.empty()) return absl::InvalidArgumentError("the floe manifest is empty");
  TinyImage image;
  const Bytes tar = TinyLayerTar(floe_manifest);
  image.diff_id = oci::DigestOf(tar);
  image.layer.bytes = GzipStored(tar);
  image.layer.descriptor = oci::DescribeBytes(oci::kOciLayerGzip, image.layer.bytes);

  const std::string readme = Readme(source.descriptor.digest);
  image.config =
      MakeDocument(oci::kOciConfig, ConvertedConfig(source, image.diff_id, readme).Serialize());

  oci::ImageManifest manifest;
  manifest.media_type = oci::kOciManifest;
  manifest.config = image.config.descriptor;
  manifest.layers = {image.layer.descriptor};
  manifest.annotations = WithoutOurs(source.manifest.annotations);
  manifest.annotations[kAnnotationConversion] = std::string(conversion);
  manifest.annotations[kAnnotationSource] = source.descriptor.digest;
  manifest.annotations[kAnnotationManifestId] = std::string(manifest_id);
  manifest.annotations[kAnnotationReadme] = readme;
  manifest.subject = SubjectOf(source.descriptor);
  manifest.other = source.manifest.other;
  image.manifest = MakeDocument(oci::kOciManifest, oci::SerializeManifest(manifest));
  return image;
}

Document BuildIndex(const Selection& source, const std::vector<TinyImage>& images) {
  oci::ImageIndex index;
  index.media_type = oci::kOciIndex;
  for (size_t i = 0; i < images.size(); ++i) {
    oci::Descriptor entry = images[i].manifest.descriptor;
    entry.platform = source.images[i].platform;
    entry.annotations = WithoutOurs(source.images[i].descriptor.annotations);
    index.manifests.push_back(std::move(entry));
  }
  if (source.index) {
    index.annotations = WithoutOurs(source.index->annotations);
    index.other = source.index->other;
  }
  index.annotations[kAnnotationSource] = source.top.digest;
  index.annotations[kAnnotationReadme] = Readme(source.top.digest);
  index.subject = SubjectOf(source.top);
  return MakeDocument(oci::kOciIndex, oci::SerializeIndex(index));
}

bool LooksConverted(const oci::ImageManifest& manifest) {
  return manifest.layers.size() == 1 && manifest.annotations.count(kAnnotationManifestId) > 0;
}

absl::StatusOr<Bytes> ReadFloeManifest(ImageSource& source, const oci::ImageManifest& manifest) {
  if (manifest.layers.size() != 1) {
    return absl::NotFoundError(
        absl::StrCat(source.Name(), ": not an image made by floe (it has ", manifest.layers.size(),
                     " layers instead of one); convert it with floe convert first"));
  }
  FLOE_ASSIGN_OR_RETURN(const std::unique_ptr<ByteStream> layer,
                        source.OpenBlob(manifest.layers[0]));
  return ManifestFromLayer(*layer, source.Name());
}

absl::StatusOr<ExportedImage> BuildExportedImage(const SourceImage& published,
                                                 const oci::Descriptor& layer,
                                                 const std::string& diff_id) {
  FLOE_RETURN_IF_ERROR(oci::CheckDigest(diff_id, "diff id of the exported layer"));
  const auto source = published.manifest.annotations.find(kAnnotationSource);
  const std::string origin =
      source == published.manifest.annotations.end() ? published.descriptor.digest : source->second;
  oci::ImageConfig config = published.config;
  config.RemoveLabel(kLabelReadme);
  config.RemoveHistory(kHistoryCreatedBy);
  config.EmptyHistory();
  config.SetDiffIds({diff_id});
  config.AppendHistory({LastCreated(published.config), kExportedBy,
                        absl::StrCat("all layers of ", origin, " as one"), false});
  ExportedImage image;
  image.config = MakeDocument(oci::kOciConfig, config.Serialize());

  oci::ImageManifest manifest;
  manifest.media_type = oci::kOciManifest;
  manifest.config = image.config.descriptor;
  manifest.layers = {layer};
  manifest.annotations = WithoutOurs(published.manifest.annotations);
  manifest.other = published.manifest.other;
  image.manifest = MakeDocument(oci::kOciManifest, oci::SerializeManifest(manifest));
  return image;
}

}  // namespace floe::converter
