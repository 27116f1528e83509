// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "converter/source/docker_archive.h"
#include "converter/source/tar_file.h"
#include "oci/config.h"
#include "oci/digest.h"
#include "oci/json.h"
#include "oci/manifest.h"
#include "oci/media_types.h"
#include "oci/verifying_stream.h"
#include "registry/reference.h"

namespace floe::converter {
namespace {

constexpr char kManifestFile[] = "manifest.json";

// One entry of manifest.json.
struct SavedImage {
  std::string config;
  std::vector<std::string> names;
  std::vector<std::string> layers;
};

absl::StatusOr<std::vector<std::string>> Texts(const nlohmann::json& object, const char* member,
                                               absl::string_view name) {
  std::vector<std::string> texts;
  FLOE_ASSIGN_OR_RETURN(const nlohmann::json* array, oci::ArrayMember(object, member, name));
  if (array == nullptr) return texts;
  for (const nlohmann::json& text : *array) {
    if (!text.is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": manifest.json: an entry of \"", member, "\" is not a text"));
    }
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

absl::StatusOr<std::vector<SavedImage>> ParseSaved(ByteView text, absl::string_view name) {
  const nlohmann::json json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (!json.is_array() || json.size() > oci::kMaxIndexEntries) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": manifest.json is not a list of images"));
  }
  std::vector<SavedImage> images;
  for (const nlohmann::json& entry : json) {
    SavedImage image;
    FLOE_ASSIGN_OR_RETURN(image.config, oci::StringMember(entry, "Config", name));
    FLOE_ASSIGN_OR_RETURN(image.names, Texts(entry, "RepoTags", name));
    FLOE_ASSIGN_OR_RETURN(image.layers, Texts(entry, "Layers", name));
    images.push_back(std::move(image));
  }
  return images;
}

std::string Canonical(const std::string& reference) {
  const absl::StatusOr<registry::Reference> parsed = registry::ParseReference(reference);
  return parsed.ok() ? parsed->ToString() : reference;
}

absl::StatusOr<SavedImage> Pick(const std::vector<SavedImage>& images, const std::string& reference,
                                absl::string_view name) {
  if (reference.empty() && images.size() == 1) return images[0];
  std::vector<std::string> names;
  for (const SavedImage& image : images) {
    for (const std::string& tag : image.names) {
      if (!reference.empty() && Canonical(tag) == Canonical(reference)) return image;
      names.push_back(tag);
    }
  }
  const std::string known = names.empty() ? "no names" : absl::StrJoin(names, ", ");
  if (images.empty()) return absl::NotFoundError(absl::StrCat(name, ": holds no image"));
  if (reference.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": holds ", images.size(),
                     " images; choose one by its name after a colon, there are: ", known));
  }
  return absl::NotFoundError(
      absl::StrCat(name, ": no image called \"", reference, "\"; there are: ", known));
}

absl::StatusOr<std::string> HashMember(const TarFile& tar, const std::string& member) {
  FLOE_ASSIGN_OR_RETURN(const std::unique_ptr<ByteStream> stream, tar.OpenMember(member));
  Sha256 hash;
  Bytes buffer(1 << 20);
  while (true) {
    FLOE_ASSIGN_OR_RETURN(const size_t got, stream->Read(buffer));
    if (got == 0) return oci::DigestString(hash.Finish());
    hash.Update(ByteView(buffer).first(got));
  }
}

absl::StatusOr<oci::Descriptor> DescribeLayer(const TarFile& tar, const std::string& member,
                                              const std::string& diff_id) {
  oci::Descriptor layer;
  FLOE_ASSIGN_OR_RETURN(layer.size, tar.Size(member));
  FLOE_ASSIGN_OR_RETURN(const std::unique_ptr<ByteStream> stream, tar.OpenMember(member));
  Bytes start(4);
  FLOE_ASSIGN_OR_RETURN(const size_t got, stream->Read(start));
  const absl::string_view magic = AsText(ByteView(start).first(got));
  if (absl::StartsWith(magic, "\x1f\x8b")) {
    layer.media_type = oci::kDockerLayerGzip;
  } else if (absl::StartsWith(magic, "\x28\xb5\x2f\xfd")) {
    layer.media_type = absl::StrCat(oci::kDockerLayer, ".zstd");
  } else {
    // Checked like every digest while the layer is read.
    layer.media_type = oci::kDockerLayer;
    layer.digest = diff_id;
    return layer;
  }
  FLOE_ASSIGN_OR_RETURN(layer.digest, HashMember(tar, member));
  return layer;
}

class DockerArchiveSource : public ImageSource {
 public:
  DockerArchiveSource(std::shared_ptr<const TarFile> tar, std::string name)
      : tar_(std::move(tar)), name_(std::move(name)) {}

  absl::Status Load(const SavedImage& image) {
    FLOE_ASSIGN_OR_RETURN(const Bytes config_bytes,
                          tar_->ReadMember(image.config, oci::kMaxConfigDocument));
    absl::StatusOr<oci::ImageConfig> config = oci::ImageConfig::Parse(config_bytes);
    if (!config.ok()) return Annotate(config.status(), name_);
    const std::vector<std::string> ids = config->diff_ids();
    if (ids.size() != image.layers.size() || ids.size() > oci::kMaxLayers) {
      return absl::InvalidArgumentError(
          absl::StrCat(name_, ": manifest.json has ", image.layers.size(),
                       " layers, but the config has ", ids.size(), " diff ids"));
    }
    oci::ImageManifest manifest;
    manifest.media_type = oci::kDockerManifest;
    manifest.config = oci::DescribeBytes(oci::kDockerConfig, config_bytes);
    members_[manifest.config.digest] = image.config;
    for (size_t i = 0; i < ids.size(); ++i) {
      FLOE_ASSIGN_OR_RETURN(oci::Descriptor layer, DescribeLayer(*tar_, image.layers[i], ids[i]));
      members_[layer.digest] = image.layers[i];
      manifest.layers.push_back(std::move(layer));
    }
    const std::string text = oci::SerializeManifest(manifest);
    top_bytes_ = Bytes(text.begin(), text.end());
    top_ = oci::DescribeBytes(oci::kDockerManifest, top_bytes_);
    return absl::OkStatus();
  }

  std::string Name() const override { return name_; }
  absl::StatusOr<oci::Descriptor> Resolve() override { return top_; }

  absl::StatusOr<std::unique_ptr<ByteStream>> OpenBlob(const oci::Descriptor& descriptor) override {
    std::unique_ptr<ByteStream> stream;
    const auto it = members_.find(descriptor.digest);
    if (descriptor.digest == top_.digest) {
      stream = std::make_unique<oci::MemoryStream>(top_bytes_);
    } else if (it != members_.end()) {
      FLOE_ASSIGN_OR_RETURN(stream, tar_->OpenMember(it->second));
    } else {
      return absl::NotFoundError(
          absl::StrCat(name_, ": blob ", descriptor.digest, " is not in the archive"));
    }
    return std::make_unique<oci::VerifyingStream>(std::move(stream), descriptor, name_);
  }

 private:
  const std::shared_ptr<const TarFile> tar_;
  const std::string name_;
  std::map<std::string, std::string> members_;  // by digest; constant after Load
  oci::Descriptor top_;
  Bytes top_bytes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenDockerArchiveSource(const std::string& file,
                                                                     const std::string& reference,
                                                                     const std::string& work_dir) {
  const std::string name =
      absl::StrCat("docker-archive:", file, reference.empty() ? "" : ":", reference);
  FLOE_ASSIGN_OR_RETURN(std::shared_ptr<const TarFile> tar, TarFile::Open(file, work_dir, name));
  if (!tar->Has(kManifestFile)) {
    const bool oci = tar->Has("oci-layout");
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": holds no manifest.json, so it is not what docker save writes",
                     oci ? absl::StrCat("; it is an OCI archive: write oci-archive:", file) : ""));
  }
  FLOE_ASSIGN_OR_RETURN(const Bytes text,
                        tar->ReadMember(kManifestFile, oci::kMaxManifestDocument));
  FLOE_ASSIGN_OR_RETURN(const std::vector<SavedImage> images, ParseSaved(text, name));
  FLOE_ASSIGN_OR_RETURN(const SavedImage image, Pick(images, reference, name));
  auto source = std::make_unique<DockerArchiveSource>(std::move(tar), name);
  FLOE_RETURN_IF_ERROR(source->Load(image));
  return source;
}

}  // namespace floe::converter
