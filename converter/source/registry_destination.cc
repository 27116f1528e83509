// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "converter/source/registry_image.h"
#include "oci/digest.h"
#include "oci/media_types.h"
#include "oci/verifying_stream.h"
#include "registry/blob_upload.h"
#include "registry/client.h"

namespace floe::converter {
namespace {

class RegistryDestination : public ImageDestination {
 public:
  RegistryDestination(std::shared_ptr<registry::Client> client, registry::Endpoint& endpoint,
                      const std::string& mount_from)
      : client_(std::move(client)),
        endpoint_(endpoint),
        name_(absl::StrCat("docker://", client_->reference().ToString())),
        uploader_(endpoint, client_->options(), mount_from) {}

  std::string Name() const override { return name_; }

  absl::StatusOr<bool> HasBlob(const oci::Descriptor& descriptor) override FLOE_EXCLUDES(mutex_) {
    FLOE_RETURN_IF_ERROR(oci::CheckDigest(descriptor.digest, name_));
    if (oci::IsIndex(descriptor.media_type) || oci::IsManifest(descriptor.media_type)) {
      MutexLock lock(mutex_);
      return manifests_.count(descriptor.digest) > 0;
    }
    return uploader_.Has(descriptor);
  }

  absl::Status PutBlob(const oci::Descriptor& descriptor, ByteView bytes) override {
    FLOE_RETURN_IF_ERROR(oci::CheckBytes(descriptor, bytes, name_));
    FLOE_ASSIGN_OR_RETURN(const bool has, uploader_.Has(descriptor));
    return has ? absl::OkStatus() : uploader_.Put(descriptor, bytes);
  }

  absl::Status PutBlobStream(const oci::Descriptor& descriptor, ByteStream& stream) override {
    FLOE_RETURN_IF_ERROR(oci::CheckDigest(descriptor.digest, name_));
    FLOE_ASSIGN_OR_RETURN(const bool has, uploader_.Has(descriptor));
    return has ? absl::OkStatus() : uploader_.PutStream(descriptor, stream);
  }

  absl::Status PutManifest(const oci::Descriptor& descriptor, ByteView bytes) override
      FLOE_EXCLUDES(mutex_) {
    FLOE_RETURN_IF_ERROR(oci::CheckBytes(descriptor, bytes, name_));
    FLOE_RETURN_IF_ERROR(Send(descriptor, bytes, descriptor.digest));
    MutexLock lock(mutex_);
    manifests_[descriptor.digest] = Bytes(bytes.begin(), bytes.end());
    return absl::OkStatus();
  }

  absl::Status Finish(const oci::Descriptor& top) override FLOE_EXCLUDES(mutex_) {
    const registry::Reference& reference = client_->reference();
    if (!reference.digest.empty() && reference.digest != top.digest) {
      return absl::InvalidArgumentError(
          absl::StrCat(name_, ": the image has digest ", top.digest,
                       "; give the destination a tag instead of a digest"));
    }
    if (reference.tag.empty()) return absl::OkStatus();
    Bytes bytes;
    {
      MutexLock lock(mutex_);
      const auto it = manifests_.find(top.digest);
      if (it == manifests_.end()) {
        return absl::InternalError(absl::StrCat(name_, ": ", top.digest, " was never put"));
      }
      bytes = it->second;
    }
    return Send(top, bytes, reference.tag);
  }

 private:
  absl::Status Send(const oci::Descriptor& descriptor, ByteView bytes, const std::string& target) {
    registry::ApiRequest request;
    request.method = "PUT";
    request.path = absl::StrCat("/manifests/", target);
    request.headers = {{"Content-Type", descriptor.media_type}};
    request.body = bytes;
    FLOE_ASSIGN_OR_RETURN(const auto exchange,
                          endpoint_.Send(request, client_->options().attempts));
    if (exchange->status() / 100 != 2) return endpoint_.StatusOf(*exchange, request.path);
    const std::string stored = exchange->Header("Docker-Content-Digest");
    if (stored.empty() || stored == descriptor.digest) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat(name_, ": the registry stored manifest ", descriptor.digest, " as ", stored));
  }

  const std::shared_ptr<registry::Client> client_;
  registry::Endpoint& endpoint_;  // of client_
  const std::string name_;
  registry::BlobUploader uploader_;
  Mutex mutex_;
  std::map<std::string, Bytes> manifests_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenRegistryDestination(
    const std::string& text, const registry::Options& options, const std::string& mount_from) {
  FLOE_ASSIGN_OR_RETURN(const registry::Reference reference, registry::ParseReference(text));
  FLOE_ASSIGN_OR_RETURN(std::shared_ptr<registry::Client> client,
                        registry::Client::Open(reference, options, mount_from));
  FLOE_ASSIGN_OR_RETURN(registry::Endpoint * endpoint, client->PushEndpoint());
  return std::make_unique<RegistryDestination>(std::move(client), *endpoint, mount_from);
}

}  // namespace floe::converter
