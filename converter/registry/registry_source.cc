// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "converter/image/digest.h"
#include "converter/image/manifest.h"
#include "converter/image/media_types.h"
#include "converter/registry/blob_stream.h"
#include "converter/registry/client.h"
#include "converter/registry/registry.h"
#include "converter/source/verifying_stream.h"

namespace floe::converter {
namespace {

const char* const kAccepted[] = {kOciIndex,       kOciManifest,         kDockerIndex,
                                 kDockerManifest, kDockerSchema1Signed, kDockerSchema1};

net::HttpHeaders AcceptHeaders() {
  net::HttpHeaders headers;
  for (const char* type : kAccepted) headers.emplace_back("Accept", type);
  return headers;
}

class RegistrySource : public ImageSource {
 public:
  explicit RegistrySource(std::shared_ptr<RegistryClient> client)
      : client_(std::move(client)),
        name_(absl::StrCat("docker://", client_->reference().ToString())) {}

  std::string Name() const override { return name_; }

  absl::StatusOr<Descriptor> Resolve() override FLOE_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (top_) return *top_;
    }
    FLOE_ASSIGN_OR_RETURN(Document document, GetManifest(client_->reference().target(),
                                                         RegistryClient::Need::kResolve));
    MutexLock lock(mutex_);
    if (top_) return *top_;  // the first answer stands
    top_ = std::move(document.descriptor);
    top_bytes_ = std::move(document.bytes);
    return *top_;
  }

  absl::StatusOr<Bytes> ReadBlob(const Descriptor& descriptor, uint64_t max_bytes) override
      FLOE_EXCLUDES(mutex_) {
    FLOE_RETURN_IF_ERROR(CheckDigest(descriptor.digest, name_));
    FLOE_RETURN_IF_ERROR(CheckSmall(descriptor, max_bytes, name_));
    {
      MutexLock lock(mutex_);
      if (top_ && descriptor.digest == top_->digest) {
        FLOE_RETURN_IF_ERROR(CheckBytes(descriptor, top_bytes_, name_));
        return top_bytes_;
      }
    }
    if (IsIndex(descriptor.media_type) || IsManifest(descriptor.media_type)) {
      FLOE_ASSIGN_OR_RETURN(Document document,
                            GetManifest(descriptor.digest, RegistryClient::Need::kPull));
      FLOE_RETURN_IF_ERROR(CheckBytes(descriptor, document.bytes, name_));
      return std::move(document.bytes);
    }
    FLOE_ASSIGN_OR_RETURN(const std::unique_ptr<ByteStream> stream, OpenBlob(descriptor));
    return ReadAll(*stream, max_bytes, name_);
  }

  absl::StatusOr<std::unique_ptr<ByteStream>> OpenBlob(const Descriptor& descriptor) override {
    FLOE_RETURN_IF_ERROR(CheckDigest(descriptor.digest, name_));
    FLOE_ASSIGN_OR_RETURN(std::unique_ptr<ByteStream> stream,
                          RegistryBlobStream::Open(client_, descriptor));
    return std::make_unique<VerifyingStream>(std::move(stream), descriptor, name_);
  }

 private:
  struct Document {
    Descriptor descriptor;
    Bytes bytes;
  };

  // A manifest by tag or digest; what was asked for by digest has it.
  absl::StatusOr<Document> GetManifest(const std::string& target, RegistryClient::Need need) {
    ApiRequest request;
    request.path = absl::StrCat("/manifests/", target);
    request.headers = AcceptHeaders();
    FLOE_ASSIGN_OR_RETURN(const RegistryClient::Answer answer, client_->Fetch(request, need));
    absl::StatusOr<Bytes> bytes = net::ReadBody(*answer.exchange, kMaxManifestDocument);
    if (!bytes.ok()) return Annotate(bytes.status(), absl::StrCat(name_, ": manifest ", target));
    Document document{DescribeBytes(answer.exchange->Header("Content-Type"), *bytes),
                      *std::move(bytes)};
    FLOE_RETURN_IF_ERROR(
        CheckAnnounced(document, target, answer.exchange->Header("Docker-Content-Digest")));
    const absl::StatusOr<std::string> type =
        DocumentType(document.bytes, document.descriptor.media_type);
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

  const std::shared_ptr<RegistryClient> client_;
  const std::string name_;
  Mutex mutex_;
  std::optional<Descriptor> top_ FLOE_GUARDED_BY(mutex_);
  Bytes top_bytes_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenRegistrySource(const std::string& text,
                                                                const RegistryOptions& options) {
  FLOE_ASSIGN_OR_RETURN(const Reference reference, ParseReference(text));
  FLOE_ASSIGN_OR_RETURN(std::shared_ptr<RegistryClient> client,
                        RegistryClient::Open(reference, options));
  return std::make_unique<RegistrySource>(std::move(client));
}

}  // namespace floe::converter
