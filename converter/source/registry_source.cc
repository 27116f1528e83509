// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "converter/source/registry_image.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "oci/media_types.h"
#include "oci/verifying_stream.h"
#include "registry/blob_stream.h"
#include "registry/client.h"

namespace floe::converter {
namespace {

const char* const kAccepted[] = {
    oci::kOciIndex,       oci::kOciManifest,         oci::kDockerIndex,
    oci::kDockerManifest, oci::kDockerSchema1Signed, oci::kDockerSchema1};

net::HttpHeaders AcceptHeaders() {
  net::HttpHeaders headers;
  for (const char* type : kAccepted) headers.emplace_back("Accept", type);
  return headers;
}

class RegistrySource : public ImageSource {
 public:
  explicit RegistrySource(std::shared_ptr<registry::Client> client)
      : client_(std::move(client)),
        name_(absl::StrCat("docker://", client_->reference().ToString())) {}

  std::string Name() const override { return name_; }

  absl::StatusOr<oci::Descriptor> Resolve() override FLOE_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (top_) return *top_;
    }
    FLOE_ASSIGN_OR_RETURN(Document document, GetManifest(client_->reference().target(),
                                                         registry::Client::Need::kResolve));
    MutexLock lock(mutex_);
    if (top_) return *top_;  // the first answer stands
    top_ = std::move(document.descriptor);
    top_bytes_ = std::move(document.bytes);
    return *top_;
  }

  absl::StatusOr<Bytes> ReadBlob(const oci::Descriptor& descriptor, uint64_t max_bytes) override
      FLOE_EXCLUDES(mutex_) {
    FLOE_RETURN_IF_ERROR(oci::CheckDigest(descriptor.digest, name_));
    FLOE_RETURN_IF_ERROR(oci::CheckSmall(descriptor, max_bytes, name_));
    {
      MutexLock lock(mutex_);
      if (top_ && descriptor.digest == top_->digest) {
        FLOE_RETURN_IF_ERROR(oci::CheckBytes(descriptor, top_bytes_, name_));
        return top_bytes_;
      }
    }
    if (oci::IsIndex(descriptor.media_type) || oci::IsManifest(descriptor.media_type)) {
      FLOE_ASSIGN_OR_RETURN(Document document,
                            GetManifest(descriptor.digest, registry::Client::Need::kPull));
      FLOE_RETURN_IF_ERROR(oci::CheckBytes(descriptor, document.bytes, name_));
      return std::move(document.bytes);
    }
    FLOE_ASSIGN_OR_RETURN(const std::unique_ptr<ByteStream> stream, OpenBlob(descriptor));
    return oci::ReadAll(*stream, max_bytes, name_);
  }

  absl::StatusOr<std::unique_ptr<ByteStream>> OpenBlob(const oci::Descriptor& descriptor) override {
    FLOE_RETURN_IF_ERROR(oci::CheckDigest(descriptor.digest, name_));
    FLOE_ASSIGN_OR_RETURN(std::unique_ptr<ByteStream> stream,
                          registry::BlobStream::Open(client_, descriptor));
    return std::make_unique<oci::VerifyingStream>(std::move(stream), descriptor, name_);
  }

 private:
  struct Document {
    oci::Descriptor descriptor;
    Bytes bytes;
  };

  // A manifest by tag or digest; what was asked for by digest has it.
  absl::StatusOr<Document> GetManifest(const std::string& target, registry::Client::Need need) {
    registry::ApiRequest request;
    request.path = absl::StrCat("/manifests/", target);
    request.headers = AcceptHeaders();
    FLOE_ASSIGN_OR_RETURN(const registry::Client::Answer answer, client_->Fetch(request, need));
    absl::StatusOr<Bytes> bytes = net::ReadBody(*answer.exchange, oci::kMaxManifestDocument);
    if (!bytes.ok()) return Annotate(bytes.status(), absl::StrCat(name_, ": manifest ", target));
    Document document{oci::DescribeBytes(answer.exchange->Header("Content-Type"), *bytes),
                      *std::move(bytes)};
    FLOE_RETURN_IF_ERROR(
        CheckAnnounced(document, target, answer.exchange->Header("Docker-Content-Digest")));
    const absl::StatusOr<std::string> type =
        oci::DocumentType(document.bytes, document.descriptor.media_type);
    if (!type.ok()) return Annotate(type.status(), name_);
    document.descriptor.media_type = *type;
    return document;
  }

  absl::Status CheckAnnounced(const Document& document, const std::string& target,
                              const std::string& header) const {
    const bool by_digest = target.find(':') != std::string::npos;
    for (const std::string& wanted : {by_digest ? target : "", header}) {
      if (wanted.empty() || wanted == document.descriptor.digest) continue;
      return absl::DataLossError(absl::StrCat(name_, ": manifest ", target, " should have digest ",
                                              wanted, ", but has ", document.descriptor.digest));
    }
    return absl::OkStatus();
  }

  const std::shared_ptr<registry::Client> client_;
  const std::string name_;
  Mutex mutex_;
  std::optional<oci::Descriptor> top_ FLOE_GUARDED_BY(mutex_);
  Bytes top_bytes_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenRegistrySource(const std::string& text,
                                                                const registry::Options& options) {
  FLOE_ASSIGN_OR_RETURN(const registry::Reference reference, registry::ParseReference(text));
  FLOE_ASSIGN_OR_RETURN(std::shared_ptr<registry::Client> client,
                        registry::Client::Open(reference, options));
  return std::make_unique<RegistrySource>(std::move(client));
}

}  // namespace floe::converter
