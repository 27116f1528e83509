// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "converter/source/archive_destination.h"
#include "converter/source/docker_archive.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "oci/media_types.h"
#include "oci/verifying_stream.h"
#include "registry/reference.h"

namespace floe::converter {
namespace {

std::string ConfigMember(const oci::Descriptor& config) {
  return absl::StrCat(oci::DigestHex(config.digest), ".json");
}
std::string LayerMember(const oci::Descriptor& layer) {
  return absl::StrCat(oci::DigestHex(layer.digest), ".tar");
}

class DockerArchiveDestination : public ArchiveDestination {
 public:
  DockerArchiveDestination(std::unique_ptr<TarWriter> tar, const std::string& file,
                           std::string reference)
      : ArchiveDestination(std::move(tar), absl::StrCat("docker-archive:", file,
                                                        reference.empty() ? "" : ":", reference)),
        reference_(std::move(reference)) {}

  // Such archives have no manifests: only what Finish needs of them is kept.
  absl::Status PutManifest(const oci::Descriptor& descriptor, ByteView bytes) override
      FLOE_EXCLUDES(mutex_) {
    FLOE_RETURN_IF_ERROR(oci::CheckBytes(descriptor, bytes, name_));
    MutexLock lock(mutex_);
    manifests_[descriptor.digest] = Bytes(bytes.begin(), bytes.end());
    return absl::OkStatus();
  }

  absl::Status Finish(const oci::Descriptor& top) override FLOE_EXCLUDES(mutex_) {
    if (oci::IsIndex(top.media_type)) {
      return absl::InvalidArgumentError(
          absl::StrCat(name_,
                       ": a docker-archive holds one platform; choose one with --platform, "
                       "or write to oci-archive:"));
    }
    MutexLock lock(mutex_);
    const auto it = manifests_.find(top.digest);
    if (it == manifests_.end()) {
      return absl::InternalError(absl::StrCat(name_, ": ", top.digest, " was never put"));
    }
    FLOE_ASSIGN_OR_RETURN(const oci::ImageManifest manifest,
                          oci::ParseManifest(it->second, top.media_type));
    nlohmann::json entry = {{"Config", ConfigMember(manifest.config)},
                            {"RepoTags", nlohmann::json::array()},
                            {"Layers", nlohmann::json::array()}};
    if (!reference_.empty()) entry["RepoTags"].push_back(reference_);
    for (const oci::Descriptor& layer : manifest.layers)
      entry["Layers"].push_back(LayerMember(layer));
    const std::string text = nlohmann::json::array({entry}).dump();
    FLOE_RETURN_IF_ERROR(tar_->Add("manifest.json", AsBytes(text)));
    return tar_->Commit();
  }

 private:
  std::string MemberOf(const oci::Descriptor& descriptor) const override {
    return oci::IsConfig(descriptor.media_type) ? ConfigMember(descriptor)
                                                : LayerMember(descriptor);
  }

  const std::string reference_;
  std::map<std::string, Bytes> manifests_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDockerArchiveDestination(
    const std::string& file, const std::string& text) {
  std::string reference;
  if (!text.empty()) {
    FLOE_ASSIGN_OR_RETURN(const registry::Reference parsed, registry::ParseReference(text));
    if (!parsed.digest.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("docker-archive:", file, ": give the image a tag, not a digest"));
    }
    reference = parsed.ToString();
  }
  FLOE_ASSIGN_OR_RETURN(std::unique_ptr<TarWriter> tar, TarWriter::Create(file));
  return std::make_unique<DockerArchiveDestination>(std::move(tar), file, std::move(reference));
}

}  // namespace floe::converter
