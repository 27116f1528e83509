// SPDX-License-Identifier: Apache-2.0
#include "registry/repository.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "oci/digest.h"
#include "oci/json.h"
#include "oci/media_types.h"
#include "oci/verifying_stream.h"
#include "registry/blob_stream.h"
#include "registry/blob_upload.h"

namespace floe::registry {
namespace {

constexpr size_t kTagsAPage = 1000;
constexpr size_t kMaxTagsPage = 8 << 20;
constexpr size_t kMaxTagPages = 10'000;
// A reader's request has retries of its own above this.
constexpr int kRangeAttempts = 2;

const char* const kManifestTypes[] = {oci::kOciIndex, oci::kOciManifest, oci::kDockerIndex,
                                      oci::kDockerManifest};

absl::Status ReadExactly(net::HttpExchange& exchange, MutableByteView out) {
  size_t used = 0;
  while (used < out.size()) {
    FLOE_ASSIGN_OR_RETURN(const size_t got, exchange.Read(out.subspan(used)));
    if (got == 0) return absl::UnavailableError("the answer ended early");
    used += got;
  }
  return absl::OkStatus();
}

absl::Status Discard(net::HttpExchange& exchange, uint64_t count) {
  Bytes scratch(static_cast<size_t>(std::min<uint64_t>(count, 64 << 10)));
  while (count > 0) {
    const size_t part = static_cast<size_t>(std::min<uint64_t>(count, scratch.size()));
    FLOE_RETURN_IF_ERROR(ReadExactly(exchange, MutableByteView(scratch).first(part)));
    count -= part;
  }
  return absl::OkStatus();
}

absl::Status ReadPieces(net::HttpExchange& exchange, std::span<const RangePiece> pieces) {
  for (const RangePiece& piece : pieces) {
    FLOE_RETURN_IF_ERROR(piece.to.empty() ? Discard(exchange, piece.length)
                                          : ReadExactly(exchange, piece.to));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ParseTags(ByteView body) {
  constexpr char kWhat[] = "list of tags";
  FLOE_ASSIGN_OR_RETURN(const nlohmann::json json, oci::ParseJsonObject(body, kWhat));
  FLOE_ASSIGN_OR_RETURN(const nlohmann::json* array, oci::ArrayMember(json, "tags", kWhat));
  std::vector<std::string> tags;
  if (array == nullptr) return tags;
  for (const nlohmann::json& tag : *array) {
    if (!tag.is_string()) {
      return absl::InvalidArgumentError(absl::StrCat(kWhat, ": a tag is no text"));
    }
    tags.push_back(tag.get<std::string>());
  }
  return tags;
}

}  // namespace

std::string ReferrersTag(const std::string& digest) {
  return absl::StrCat("sha256-", oci::DigestHex(digest));
}

std::string NextLink(absl::string_view header) {
  for (const absl::string_view link : absl::StrSplit(header, ',')) {
    const size_t open = link.find('<');
    const size_t close = link.find('>');
    if (open == absl::string_view::npos || close == absl::string_view::npos || close < open)
      continue;
    const std::string rest = absl::AsciiStrToLower(link.substr(close + 1));
    if (absl::StrContains(rest, "rel=\"next\"") || absl::StrContains(rest, "rel=next")) {
      return std::string(link.substr(open + 1, close - open - 1));
    }
  }
  return "";
}

absl::StatusOr<std::shared_ptr<Repository>> Repository::Open(const Reference& reference,
                                                             const Options& options,
                                                             const std::string& mount_from) {
  FLOE_ASSIGN_OR_RETURN(std::shared_ptr<Client> client,
                        Client::Open(reference, options, mount_from));
  return std::shared_ptr<Repository>(new Repository(std::move(client), mount_from));
}

std::string Repository::Name() const {
  return absl::StrCat(client_->reference().host, "/", client_->reference().repository);
}

absl::StatusOr<StoredManifest> Repository::GetManifest(const std::string& target) {
  ApiRequest request;
  request.path = absl::StrCat("/manifests/", target);
  for (const char* type : kManifestTypes) request.headers.emplace_back("Accept", type);
  FLOE_ASSIGN_OR_RETURN(const Client::Answer answer,
                        client_->Fetch(request, Client::Need::kResolve));
  absl::StatusOr<Bytes> bytes = net::ReadBody(*answer.exchange, oci::kMaxManifestDocument);
  if (!bytes.ok()) return Annotate(bytes.status(), absl::StrCat(Name(), ": manifest ", target));
  StoredManifest stored;
  stored.descriptor = oci::DescribeBytes(answer.exchange->Header("Content-Type"), *bytes);
  if (absl::StrContains(target, ':') && stored.descriptor.digest != target) {
    return absl::DataLossError(absl::StrCat(Name(), ": manifest ", target, " came with the digest ",
                                            stored.descriptor.digest));
  }
  FLOE_ASSIGN_OR_RETURN(stored.descriptor.media_type,
                        oci::DocumentType(*bytes, stored.descriptor.media_type));
  stored.bytes = *std::move(bytes);
  return stored;
}

absl::StatusOr<bool> Repository::PutManifest(const std::string& target,
                                             const oci::Descriptor& descriptor, ByteView bytes) {
  FLOE_RETURN_IF_ERROR(oci::CheckBytes(descriptor, bytes, Name()));
  FLOE_ASSIGN_OR_RETURN(Endpoint * endpoint, client_->PushEndpoint());
  ApiRequest request;
  request.method = "PUT";
  request.path = absl::StrCat("/manifests/", target);
  request.headers = {{"Content-Type", descriptor.media_type}};
  request.body = bytes;
  FLOE_ASSIGN_OR_RETURN(const auto exchange, endpoint->Send(request, client_->options().attempts));
  if (exchange->status() / 100 != 2) return endpoint->StatusOf(*exchange, request.path);
  const std::string stored = exchange->Header("Docker-Content-Digest");
  if (!stored.empty() && stored != descriptor.digest) {
    return absl::DataLossError(
        absl::StrCat(Name(), ": the registry stored manifest ", descriptor.digest, " as ", stored));
  }
  return !exchange->Header("OCI-Subject").empty();
}

absl::Status Repository::DeleteManifest(const std::string& digest) {
  FLOE_ASSIGN_OR_RETURN(Endpoint * endpoint, client_->PushEndpoint());
  ApiRequest request;
  request.method = "DELETE";
  request.path = absl::StrCat("/manifests/", digest);
  FLOE_ASSIGN_OR_RETURN(const auto exchange, endpoint->Send(request, client_->options().attempts));
  if (exchange->status() / 100 == 2) return absl::OkStatus();
  return endpoint->StatusOf(*exchange, request.path);
}

absl::StatusOr<Bytes> Repository::GetBlob(const oci::Descriptor& descriptor, uint64_t max_bytes) {
  FLOE_RETURN_IF_ERROR(oci::CheckSmall(descriptor, max_bytes, Name()));
  FLOE_ASSIGN_OR_RETURN(std::unique_ptr<ByteStream> stream, BlobStream::Open(client_, descriptor));
  oci::VerifyingStream checked(std::move(stream), descriptor, Name());
  return oci::ReadAll(checked, max_bytes, Name());
}

absl::Status Repository::ReadRange(const std::string& digest, uint64_t offset,
                                   std::span<const RangePiece> pieces) {
  uint64_t length = 0;
  for (const RangePiece& piece : pieces)
    length += piece.to.empty() ? piece.length : piece.to.size();
  if (length == 0) return absl::OkStatus();
  ApiRequest request;
  request.path = absl::StrCat("/blobs/", digest);
  request.headers = {{"Range", absl::StrCat("bytes=", offset, "-", offset + length - 1)}};
  FLOE_ASSIGN_OR_RETURN(const Client::Answer answer,
                        client_->Fetch(request, Client::Need::kPull, kRangeAttempts));
  absl::Status read;
  if (answer.exchange->status() == 206) {
    const std::string range = answer.exchange->Header("Content-Range");
    if (ParseContentRangeStart(range) != offset) {
      return absl::DataLossError(absl::StrCat(Name(), ": blob ", digest, ": asked for bytes from ",
                                              offset, ", the registry answers with \"", range,
                                              "\""));
    }
    // One byte more than asked for, so that the connection is known to be at the answer's end.
    read = ReadPieces(*answer.exchange, pieces);
    uint8_t more = 0;
    if (read.ok()) read = answer.exchange->Read(MutableByteView(&more, 1)).status();
  } else {
    ignored_ranges_.fetch_add(1, std::memory_order_relaxed);
    read = Discard(*answer.exchange, offset);
    if (read.ok()) read = ReadPieces(*answer.exchange, pieces);
  }
  return Annotate(read, absl::StrCat(Name(), ": blob ", digest));
}

absl::StatusOr<bool> Repository::HasBlob(const oci::Descriptor& descriptor) {
  FLOE_ASSIGN_OR_RETURN(Endpoint * endpoint, client_->PushEndpoint());
  return BlobUploader(*endpoint, client_->options(), mount_from_).Has(descriptor);
}

absl::Status Repository::PutBlob(const oci::Descriptor& descriptor, ByteView bytes) {
  FLOE_RETURN_IF_ERROR(oci::CheckBytes(descriptor, bytes, Name()));
  FLOE_ASSIGN_OR_RETURN(Endpoint * endpoint, client_->PushEndpoint());
  BlobUploader uploader(*endpoint, client_->options(), mount_from_);
  FLOE_ASSIGN_OR_RETURN(const bool has, uploader.Has(descriptor));
  return has ? absl::OkStatus() : uploader.Put(descriptor, bytes);
}

absl::StatusOr<std::vector<std::string>> Repository::ListTags(absl::string_view prefix) {
  std::vector<std::string> tags;
  ApiRequest request;
  request.path = absl::StrCat("/tags/list?n=", kTagsAPage);
  auto first = client_->Fetch(request, Client::Need::kResolve);
  if (absl::IsNotFound(first.status())) return tags;
  if (!first.ok()) return first.status();
  std::unique_ptr<net::HttpExchange> exchange = std::move(first->exchange);
  for (size_t page = 0; page < kMaxTagPages; ++page) {
    absl::StatusOr<Bytes> body = net::ReadBody(*exchange, kMaxTagsPage);
    if (!body.ok()) return Annotate(body.status(), absl::StrCat(Name(), ": list of tags"));
    absl::StatusOr<std::vector<std::string>> some = ParseTags(*body);
    if (!some.ok()) return Annotate(some.status(), Name());
    for (std::string& tag : *some) {
      if (absl::StartsWith(tag, prefix)) tags.push_back(std::move(tag));
    }
    const std::string next = NextLink(exchange->Header("Link"));
    if (next.empty()) break;
    ApiRequest more;
    more.url = first->endpoint->Resolve(request, next);
    exchange.reset();
    FLOE_ASSIGN_OR_RETURN(exchange, first->endpoint->Send(more, client_->options().attempts));
    if (exchange->status() != 200) return first->endpoint->StatusOf(*exchange, "/tags/list");
    request = more;
  }
  std::sort(tags.begin(), tags.end());
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  return tags;
}

absl::StatusOr<oci::ImageIndex> Repository::ReferrersByTag(const std::string& digest) {
  auto stored = GetManifest(ReferrersTag(digest));
  oci::ImageIndex none;
  none.media_type = oci::kOciIndex;
  if (absl::IsNotFound(stored.status())) return none;
  if (!stored.ok()) return stored.status();
  if (!oci::IsIndex(stored->descriptor.media_type)) return none;  // no valid list: no referrers
  return oci::ParseIndex(stored->bytes, stored->descriptor.media_type);
}

absl::StatusOr<std::vector<oci::Descriptor>> Repository::Referrers(
    const std::string& digest, const std::string& artifact_type) {
  ApiRequest request;
  request.path = net::WithQuery(absl::StrCat("/referrers/", digest), "artifactType", artifact_type);
  oci::ImageIndex index;
  auto answer = client_->Fetch(request, Client::Need::kResolve);
  if (answer.ok()) {
    FLOE_ASSIGN_OR_RETURN(const Bytes body,
                          net::ReadBody(*answer->exchange, oci::kMaxManifestDocument));
    FLOE_ASSIGN_OR_RETURN(index, oci::ParseIndex(body, oci::kOciIndex));
  } else if (absl::IsNotFound(answer.status()) || absl::IsInvalidArgument(answer.status()) ||
             absl::IsUnimplemented(answer.status())) {
    FLOE_ASSIGN_OR_RETURN(index, ReferrersByTag(digest));
  } else {
    return answer.status();
  }
  std::vector<oci::Descriptor> found;
  for (oci::Descriptor& manifest : index.manifests) {
    if (manifest.artifact_type == artifact_type) found.push_back(std::move(manifest));
  }
  return found;
}

absl::Status Repository::PutReferrersByTag(const std::string& subject,
                                           const oci::ImageIndex& index) {
  const std::string text = oci::SerializeIndex(index);
  return PutManifest(ReferrersTag(subject), oci::DescribeBytes(oci::kOciIndex, AsBytes(text)),
                     AsBytes(text))
      .status();
}

absl::Status Repository::AddReferrer(const std::string& subject, const oci::Descriptor& referrer) {
  FLOE_ASSIGN_OR_RETURN(oci::ImageIndex index, ReferrersByTag(subject));
  for (const oci::Descriptor& there : index.manifests) {
    if (there.digest == referrer.digest) return absl::OkStatus();
  }
  index.manifests.push_back(referrer);
  return PutReferrersByTag(subject, index);
}

absl::Status Repository::RemoveReferrer(const std::string& subject, const std::string& digest) {
  FLOE_ASSIGN_OR_RETURN(oci::ImageIndex index, ReferrersByTag(subject));
  const size_t before = index.manifests.size();
  std::erase_if(index.manifests, [&](const oci::Descriptor& d) { return d.digest == digest; });
  return index.manifests.size() == before ? absl::OkStatus() : PutReferrersByTag(subject, index);
}

}  // namespace floe::registry
