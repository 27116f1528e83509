// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "converter/containerd/connection.h"
#include "converter/containerd/containerd_image.h"
#include "converter/containerd/content.h"
#include "converter/containerd/gc_labels.h"
#include "oci/config.h"
#include "oci/manifest.h"
#include "oci/media_types.h"
#include "oci/verifying_stream.h"

namespace floe::converter {
namespace {

class ContainerdDestination : public ImageDestination {
 public:
  ContainerdDestination(std::shared_ptr<ContainerdConnection> connection, const std::string& image)
      : connection_(std::move(connection)),
        image_(image),
        name_(absl::StrCat("containerd://", image)) {}

  std::string Name() const override { return name_; }

  absl::StatusOr<bool> HasBlob(const oci::Descriptor& descriptor) override {
    return HasContent(*connection_, descriptor, name_);
  }

  absl::Status PutBlob(const oci::Descriptor& descriptor, ByteView bytes) override {
    return Put(descriptor, bytes, {});
  }

  absl::Status PutBlobStream(const oci::Descriptor& descriptor, ByteStream& stream) override {
    return WriteContent(*connection_, descriptor, stream, {}, name_);
  }

  absl::Status PutManifest(const oci::Descriptor& descriptor, ByteView bytes) override {
    FLOE_ASSIGN_OR_RETURN(const auto labels, GcLabels(descriptor.media_type, bytes));
    FLOE_RETURN_IF_ERROR(Put(descriptor, bytes, labels));
    return oci::IsManifest(descriptor.media_type) ? LabelLayers(bytes) : absl::OkStatus();
  }

  absl::Status Finish(const oci::Descriptor& top) override {
    images_v1::Image image;
    image.set_name(image_);
    image.mutable_target()->set_media_type(top.media_type);
    image.mutable_target()->set_digest(top.digest);
    image.mutable_target()->set_size(static_cast<int64_t>(top.size));
    image.mutable_target()->mutable_annotations()->insert(top.annotations.begin(),
                                                          top.annotations.end());
    const absl::Status created = Create(image);
    return absl::IsAlreadyExists(created) ? Update(image) : created;
  }

 private:
  absl::Status Put(const oci::Descriptor& descriptor, ByteView bytes, const ContentLabels& labels) {
    oci::MemoryStream stream(Bytes(bytes.begin(), bytes.end()));
    return WriteContent(*connection_, descriptor, stream, labels, name_);
  }

  // The diff ids are in the config, which was put before the manifest.
  absl::Status LabelLayers(ByteView bytes) {
    FLOE_ASSIGN_OR_RETURN(const oci::ImageManifest manifest, oci::ParseManifest(bytes, ""));
    if (!oci::IsConfig(manifest.config.media_type)) return absl::OkStatus();
    FLOE_RETURN_IF_ERROR(oci::CheckSmall(manifest.config, oci::kMaxConfigDocument, name_));
    FLOE_ASSIGN_OR_RETURN(const auto stream, ReadContent(connection_, manifest.config, name_));
    FLOE_ASSIGN_OR_RETURN(const Bytes text, oci::ReadAll(*stream, oci::kMaxConfigDocument, name_));
    FLOE_ASSIGN_OR_RETURN(const oci::ImageConfig config, oci::ImageConfig::Parse(text));
    const std::vector<std::string> ids = config.diff_ids();
    for (size_t i = 0; i < manifest.layers.size() && i < ids.size(); ++i) {
      FLOE_RETURN_IF_ERROR(AddContentLabels(*connection_, manifest.layers[i].digest,
                                            {{kUncompressedLabel, ids[i]}}, name_));
    }
    return absl::OkStatus();
  }

  absl::Status Create(const images_v1::Image& image) {
    grpc::ClientContext context;
    connection_->Prepare(context);
    images_v1::CreateImageRequest request;
    *request.mutable_image() = image;
    images_v1::CreateImageResponse answer;
    return FromGrpc(connection_->images().Create(&context, request, &answer), name_);
  }

  absl::Status Update(const images_v1::Image& image) {
    grpc::ClientContext context;
    connection_->Prepare(context);
    images_v1::UpdateImageRequest request;
    *request.mutable_image() = image;
    request.mutable_update_mask()->add_paths("target");
    images_v1::UpdateImageResponse answer;
    return FromGrpc(connection_->images().Update(&context, request, &answer), name_);
  }

  const std::shared_ptr<ContainerdConnection> connection_;
  const std::string image_;
  const std::string name_;
};

class GrpcTransport : public ContainerdTransport {
 public:
  absl::StatusOr<std::unique_ptr<ImageSource>> OpenSource(
      const std::string& reference, const ContainerdOptions& options) const override {
    return OpenContainerdSource(reference, options);
  }
  absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDestination(
      const std::string& reference, const ContainerdOptions& options) const override {
    return OpenContainerdDestination(reference, options);
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenContainerdDestination(
    const std::string& name, const ContainerdOptions& options) {
  FLOE_ASSIGN_OR_RETURN(std::shared_ptr<ContainerdConnection> connection,
                        ContainerdConnection::Open(options));
  return std::make_unique<ContainerdDestination>(std::move(connection), name);
}

const ContainerdTransport& GrpcContainerd() {
  static const GrpcTransport transport;
  return transport;
}

}  // namespace floe::converter
