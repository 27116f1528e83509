// SPDX-License-Identifier: Apache-2.0
#include "registry/blob_upload.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "oci/verifying_stream.h"
#include "registry/retry.h"

namespace floe::registry {
namespace {

constexpr size_t kUploadPieceBytes = 8 << 20;

const std::pair<std::string, std::string> kOctets = {"Content-Type", "application/octet-stream"};

// Fills `piece` up to its capacity; shorter only at the end of the stream.
absl::Status FillPiece(ByteStream& stream, Bytes& piece, size_t capacity) {
  piece.resize(capacity);
  size_t used = 0;
  while (used < capacity) {
    FLOE_ASSIGN_OR_RETURN(const size_t got, stream.Read(MutableByteView(piece).subspan(used)));
    if (got == 0) break;
    used += got;
  }
  piece.resize(used);
  return absl::OkStatus();
}

}  // namespace

uint64_t ParseUploadRange(absl::string_view value) {
  absl::ConsumePrefix(&value, "bytes=");
  uint64_t last = 0;
  if (!absl::ConsumePrefix(&value, "0-") || !absl::SimpleAtoi(value, &last)) return 0;
  // Registries say "0-0" for one byte and, most of them, for none.
  return last == 0 ? 0 : last + 1;
}

absl::StatusOr<bool> BlobUploader::Has(const oci::Descriptor& descriptor) {
  ApiRequest request;
  request.method = "HEAD";
  request.path = absl::StrCat("/blobs/", descriptor.digest);
  FLOE_ASSIGN_OR_RETURN(const auto exchange, endpoint_.Send(request, options_.attempts));
  if (exchange->status() == 200) return true;
  if (exchange->status() == 404) return false;
  return endpoint_.StatusOf(*exchange, request.path);
}

absl::StatusOr<std::string> BlobUploader::Begin(const oci::Descriptor& descriptor) {
  ApiRequest request;
  request.method = "POST";
  request.path = "/blobs/uploads/";
  request.body = ByteView();
  if (!mount_from_.empty()) {
    request.path = net::WithQuery(net::WithQuery(request.path, "mount", descriptor.digest), "from",
                                  mount_from_);
  }
  FLOE_ASSIGN_OR_RETURN(const auto exchange, endpoint_.Send(request, options_.attempts));
  if (exchange->status() == 201 && !mount_from_.empty()) return std::string();
  if (exchange->status() != 202) return endpoint_.StatusOf(*exchange, "/blobs/uploads/");
  const std::string location = endpoint_.Resolve(request, exchange->Header("Location"));
  if (location.empty()) {
    return absl::UnavailableError(
        absl::StrCat(endpoint_.Display(), ": the registry names no place to upload to"));
  }
  return location;
}

absl::Status BlobUploader::Complete(const std::string& location, const oci::Descriptor& descriptor,
                                    ByteView rest) {
  ApiRequest request;
  request.method = "PUT";
  request.url = net::WithQuery(location, "digest", descriptor.digest);
  request.headers = {kOctets};
  request.body = rest;
  request.retry = false;
  FLOE_ASSIGN_OR_RETURN(const auto exchange, endpoint_.Send(request, 1));
  if (exchange->status() == 201 || exchange->status() == 204) return absl::OkStatus();
  return endpoint_.StatusOf(*exchange, absl::StrCat("/blobs/", descriptor.digest));
}

absl::Status BlobUploader::PutOnce(const oci::Descriptor& descriptor, ByteView bytes) {
  FLOE_ASSIGN_OR_RETURN(const std::string location, Begin(descriptor));
  if (location.empty()) return absl::OkStatus();
  return Complete(location, descriptor, bytes);
}

absl::Status BlobUploader::Put(const oci::Descriptor& descriptor, ByteView bytes) {
  Backoff backoff(options_);
  while (true) {
    const absl::Status status = PutOnce(descriptor, bytes);
    if (!absl::IsUnavailable(status)) return status;
    FLOE_RETURN_IF_ERROR(
        backoff.Wait(Annotate(status, absl::StrCat("upload of blob ", descriptor.digest))));
    // The break may have come after the registry had taken it.
    FLOE_ASSIGN_OR_RETURN(const bool has, Has(descriptor));
    if (has) return absl::OkStatus();
  }
}

absl::StatusOr<uint64_t> BlobUploader::SendPiece(std::string& location, uint64_t offset,
                                                 ByteView piece) {
  ApiRequest request;
  request.method = "PATCH";
  request.url = location;
  request.headers = {kOctets,
                     {"Content-Range", absl::StrCat(offset, "-", offset + piece.size() - 1)}};
  request.body = piece;
  request.retry = false;
  FLOE_ASSIGN_OR_RETURN(const auto exchange, endpoint_.Send(request, 1));
  if (exchange->status() != 202) return endpoint_.StatusOf(*exchange, "/blobs/uploads/");
  const std::string next = endpoint_.Resolve(request, exchange->Header("Location"));
  if (!next.empty()) location = next;
  return offset + piece.size();
}

absl::StatusOr<uint64_t> BlobUploader::AskPosition(std::string& location) {
  ApiRequest request;
  request.url = location;
  FLOE_ASSIGN_OR_RETURN(const auto exchange, endpoint_.Send(request, options_.attempts));
  if (exchange->status() != 204) return endpoint_.StatusOf(*exchange, "/blobs/uploads/");
  const std::string next = endpoint_.Resolve(request, exchange->Header("Location"));
  if (!next.empty()) location = next;
  return ParseUploadRange(exchange->Header("Range"));
}

absl::Status BlobUploader::PutPiece(std::string& location, uint64_t offset, ByteView piece) {
  Backoff backoff(options_);
  const uint64_t end = offset + piece.size();
  while (offset < end) {
    const absl::StatusOr<uint64_t> sent =
        SendPiece(location, offset, piece.last(static_cast<size_t>(end - offset)));
    if (sent.ok()) return absl::OkStatus();
    if (!absl::IsUnavailable(sent.status())) return sent.status();
    FLOE_RETURN_IF_ERROR(backoff.Wait(sent.status()));
    FLOE_ASSIGN_OR_RETURN(const uint64_t position, AskPosition(location));
    if (position + piece.size() < end || position > end) {
      return absl::UnavailableError(absl::StrCat(endpoint_.Display(), ": the registry lost the ",
                                                 "upload at byte ", end - piece.size()));
    }
    offset = position;
  }
  return absl::OkStatus();
}

void BlobUploader::Abandon(const std::string& location) {
  ApiRequest request;
  request.method = "DELETE";
  request.url = location;
  request.retry = false;
  // Only a courtesy: registries drop abandoned uploads after a while.
  (void)endpoint_.Send(request, 1);
}

absl::Status BlobUploader::PutStream(const oci::Descriptor& descriptor, ByteStream& stream) {
  FLOE_ASSIGN_OR_RETURN(std::string location, Begin(descriptor));
  if (location.empty()) return absl::OkStatus();
  oci::VerifyingStream checked(std::make_unique<oci::BorrowedStream>(stream), descriptor,
                               endpoint_.Display());
  Bytes piece;
  uint64_t offset = 0;
  absl::Status status;
  while (true) {
    status = FillPiece(checked, piece, kUploadPieceBytes);
    if (!status.ok() || piece.empty()) break;
    status = PutPiece(location, offset, piece);
    if (!status.ok()) break;
    offset += piece.size();
  }
  if (status.ok()) status = Complete(location, descriptor, ByteView());
  if (!status.ok()) {
    Abandon(location);
    return Annotate(status, absl::StrCat("upload of blob ", descriptor.digest));
  }
  return absl::OkStatus();
}

}  // namespace floe::registry
