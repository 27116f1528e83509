// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "converter/containerd/connection.h"
#include "converter/containerd/containerd_image.h"
#include "converter/containerd/content.h"
#include "oci/digest.h"
#include "oci/verifying_stream.h"
#include "registry/reference.h"

namespace floe::converter {
namespace {

class ContainerdSource : public ImageSource {
 public:
  ContainerdSource(std::shared_ptr<ContainerdConnection> connection, std::string name,
                   oci::Descriptor top)
      : connection_(std::move(connection)), name_(std::move(name)), top_(std::move(top)) {}

  std::string Name() const override { return name_; }
  absl::StatusOr<oci::Descriptor> Resolve() override { return top_; }

  absl::StatusOr<std::unique_ptr<ByteStream>> OpenBlob(const oci::Descriptor& descriptor) override {
    FLOE_ASSIGN_OR_RETURN(const bool has, HasContent(*connection_, descriptor, name_));
    if (!has) {
      return absl::NotFoundError(
          absl::StrCat(name_, ": containerd does not hold blob ", descriptor.digest,
                       "; it keeps only the platforms that were pulled, and no layers with "
                       "discard_unpacked_layers: pull the image again with all its content"));
    }
    FLOE_ASSIGN_OR_RETURN(std::unique_ptr<ByteStream> stream,
                          ReadContent(connection_, descriptor, name_));
    return std::make_unique<oci::VerifyingStream>(std::move(stream), descriptor, name_);
  }

 private:
  const std::shared_ptr<ContainerdConnection> connection_;
  const std::string name_;
  const oci::Descriptor top_;
};

absl::StatusOr<oci::Descriptor> FindImage(ContainerdConnection& connection,
                                          const std::string& name) {
  grpc::ClientContext context;
  connection.Prepare(context);
  images_v1::GetImageRequest request;
  request.set_name(name);
  images_v1::GetImageResponse answer;
  FLOE_RETURN_IF_ERROR(FromGrpc(connection.images().Get(&context, request, &answer),
                                absl::StrCat("containerd://", name)));
  const auto& target = answer.image().target();
  FLOE_RETURN_IF_ERROR(oci::CheckDigest(target.digest(), name));
  oci::Descriptor top;
  top.media_type = target.media_type();
  top.digest = target.digest();
  top.size = static_cast<uint64_t>(std::max<int64_t>(target.size(), 0));
  return top;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenContainerdSource(
    const std::string& name, const ContainerdOptions& options) {
  FLOE_ASSIGN_OR_RETURN(std::shared_ptr<ContainerdConnection> connection,
                        ContainerdConnection::Open(options));
  std::string found = name;
  absl::StatusOr<oci::Descriptor> top = FindImage(*connection, found);
  const absl::StatusOr<registry::Reference> reference = registry::ParseReference(name);
  if (absl::IsNotFound(top.status()) && reference.ok() && reference->ToString() != name) {
    found = reference->ToString();
    top = FindImage(*connection, found);
  }
  if (absl::IsNotFound(top.status())) {
    return absl::NotFoundError(
        absl::StrCat("containerd://", name, ": no such image in namespace \"", options.name_space,
                     "\" of ", options.address, "; choose another with --namespace"));
  }
  FLOE_RETURN_IF_ERROR(top.status());
  // From here on nothing of the image goes away while it is read.
  FLOE_RETURN_IF_ERROR(connection->Pin(top->digest));
  return std::make_unique<ContainerdSource>(std::move(connection),
                                            absl::StrCat("containerd://", found), *std::move(top));
}

}  // namespace floe::converter
