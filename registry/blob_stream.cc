// SPDX-License-Identifier: Apache-2.0
#include "registry/blob_stream.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace floe::registry {
namespace {

// So much between two breaks is progress; a server that breaks more often is given up in the end.
constexpr uint64_t kProgressBytes = 1 << 20;

}  // namespace

std::optional<uint64_t> ParseContentRangeStart(absl::string_view value) {
  if (!absl::ConsumePrefix(&value, "bytes ")) return std::nullopt;
  uint64_t start = 0;
  const size_t dash = value.find('-');
  if (dash == absl::string_view::npos || !absl::SimpleAtoi(value.substr(0, dash), &start)) {
    return std::nullopt;
  }
  return start;
}

BlobStream::BlobStream(std::shared_ptr<Client> client, const oci::Descriptor& descriptor)
    : client_(std::move(client)), descriptor_(descriptor), backoff_(client_->options()) {}

absl::StatusOr<std::unique_ptr<BlobStream>> BlobStream::Open(std::shared_ptr<Client> client,
                                                             const oci::Descriptor& descriptor) {
  std::unique_ptr<BlobStream> stream(new BlobStream(std::move(client), descriptor));
  FLOE_RETURN_IF_ERROR(stream->Connect());
  return stream;
}

absl::Status BlobStream::Connect() {
  ApiRequest request;
  request.path = absl::StrCat("/blobs/", descriptor_.digest);
  if (offset_ > 0) request.headers = {{"Range", absl::StrCat("bytes=", offset_, "-")}};
  FLOE_ASSIGN_OR_RETURN(Client::Answer answer, client_->Fetch(request, Client::Need::kPull));
  FLOE_RETURN_IF_ERROR(CheckStart(*answer.exchange));
  exchange_ = std::move(answer.exchange);
  return absl::OkStatus();
}

// The answer must begin where we stopped; one that begins at the start is read up to there.
absl::Status BlobStream::CheckStart(net::HttpExchange& exchange) {
  if (offset_ == 0 && exchange.status() == 200) return absl::OkStatus();
  if (exchange.status() == 206) {
    const std::string range = exchange.Header("Content-Range");
    if (ParseContentRangeStart(range) == offset_) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("blob ", descriptor_.digest, ": asked for bytes from ",
                                            offset_, ", the server answers with \"", range, "\""));
  }
  if (exchange.status() == 200) return Skip(exchange, offset_);
  return absl::UnavailableError(
      absl::StrCat("blob ", descriptor_.digest, ": the server answers ", exchange.status()));
}

absl::Status BlobStream::Skip(net::HttpExchange& exchange, uint64_t count) {
  Bytes buffer(64 << 10);
  while (count > 0) {
    const size_t wanted = std::min<uint64_t>(count, buffer.size());
    FLOE_ASSIGN_OR_RETURN(const size_t got, exchange.Read(MutableByteView(buffer).first(wanted)));
    if (got == 0) return absl::UnavailableError("the server's answer ends too early");
    count -= got;
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> BlobStream::ReadOnce(MutableByteView out) {
  if (exchange_ == nullptr) FLOE_RETURN_IF_ERROR(Connect());
  FLOE_ASSIGN_OR_RETURN(const size_t got, exchange_->Read(out));
  if (got == 0 && offset_ < descriptor_.size) {
    return absl::UnavailableError(
        absl::StrCat("the answer ends after ", offset_, " of ", descriptor_.size, " bytes"));
  }
  return got;
}

absl::StatusOr<size_t> BlobStream::Read(MutableByteView out) {
  while (true) {
    const absl::StatusOr<size_t> got = ReadOnce(out);
    if (got.ok()) {
      offset_ += *got;
      progress_ += *got;
      if (progress_ >= kProgressBytes) backoff_.Reset();
      return got;
    }
    exchange_.reset();
    progress_ = 0;
    if (!absl::IsUnavailable(got.status())) return got.status();
    FLOE_RETURN_IF_ERROR(backoff_.Wait(
        Annotate(got.status(), absl::StrCat("blob ", descriptor_.digest, " at byte ", offset_))));
  }
}

}  // namespace floe::registry
