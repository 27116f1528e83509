// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_error.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "store/s3/xml.h"
#include "store/wrap/limit_policy.h"

namespace floe::store {
namespace {

constexpr size_t kMaxMessage = 200;

std::string Cleaned(absl::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxMessage)) {
    out.push_back(absl::ascii_isprint(c) ? c : ' ');
  }
  return out;
}

template <size_t N>
bool IsOneOf(const std::string& code, const std::array<absl::string_view, N>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

constexpr std::array<absl::string_view, 6> kStaleCodes = {
    "ExpiredToken",         "ExpiredTokenException", "InvalidToken",
    "TokenRefreshRequired", "InvalidAccessKeyId",    "InvalidClientTokenId"};
// Said by S3 itself. A 404 without one of these may come from a proxy whose server is away, and
// must not look like an object that is not there.
constexpr std::array<absl::string_view, 3> kAbsentCodes = {"NoSuchKey", "NoSuchUpload",
                                                           "NoSuchVersion"};
// What went wrong on the way: the same request may succeed.
constexpr std::array<absl::string_view, 9> kPassingCodes = {
    "RequestTimeout",   "IncompleteBody",
    "BadDigest",        "XAmzContentSHA256Mismatch",
    "InvalidDigest",    "XAmzContentChecksumMismatch",
    "OperationAborted", "ConditionalRequestConflict",
    "TemporaryRedirect"};
constexpr std::array<absl::string_view, 5> kFullCodes = {
    "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientCapacity",
    "XRgwQuotaExceeded"};

absl::Status Denied(const S3Failure& failure, const std::string& text) {
  if (failure.code == "SignatureDoesNotMatch") {
    return absl::PermissionDeniedError(
        absl::StrCat(text,
                     "; the secret access key does not belong to the access key id, or a "
                     "proxy changes requests"));
  }
  if (failure.code == "RequestTimeTooSkewed") {
    return absl::UnavailableError(
        absl::StrCat(text, "; this machine's clock and the server's differ: set the clock"));
  }
  if (IsOneOf(failure.code, kStaleCodes)) {
    return absl::UnavailableError(absl::StrCat(text, "; renew the credentials"));
  }
  return absl::PermissionDeniedError(
      absl::StrCat(text,
                   "; the credentials lack the right (doc/s3.md has the policies), or the "
                   "object is not there and they may not list the bucket"));
}

absl::Status ElsewhereError(const S3Failure& failure, const std::string& text) {
  return absl::FailedPreconditionError(
      failure.region.empty()
          ? absl::StrCat(text, "; check region, endpoint and style in the store's address")
          : absl::StrCat(text, "; write region=", failure.region, " in the store's address"));
}

}  // namespace

S3Failure ParseS3Failure(const net::AsyncHttpAnswer& answer) {
  S3Failure failure;
  failure.request_id = Cleaned(answer.Header("x-amz-request-id"));
  failure.region = Cleaned(answer.Header("x-amz-bucket-region"));
  const absl::StatusOr<XmlElement> root = ParseXml(AsText(*answer.body));
  if (!root.ok() || root->name != "Error") return failure;
  failure.code = Cleaned(root->ChildText("Code"));
  failure.message = Cleaned(root->ChildText("Message"));
  if (failure.region.empty()) failure.region = Cleaned(root->ChildText("Region"));
  if (failure.request_id.empty()) failure.request_id = Cleaned(root->ChildText("RequestId"));
  return failure;
}

bool MeansStaleCredentials(const net::AsyncHttpAnswer& answer, const S3Failure& failure) {
  if (answer.status != 400 && answer.status != 401 && answer.status != 403) return false;
  return IsOneOf(failure.code, kStaleCodes);
}

absl::Status S3Error(absl::string_view what, const net::AsyncHttpAnswer& answer) {
  const S3Failure failure = ParseS3Failure(answer);
  const int status = answer.status;
  const std::string text = absl::StrCat(
      what, ": HTTP ", status, failure.code.empty() ? "" : " ", failure.code,
      failure.message.empty() ? "" : ": ", failure.message,
      failure.request_id.empty() ? "" : absl::StrCat(" (request ", failure.request_id, ")"));
  if (failure.code == "NoSuchBucket") {
    return absl::FailedPreconditionError(
        absl::StrCat(text, "; make the bucket, or correct its name in the store's address"));
  }
  if (status == 404) {
    if (IsOneOf(failure.code, kAbsentCodes)) return absl::NotFoundError(text);
    return absl::UnavailableError(absl::StrCat(
        text, "; not an answer of S3: is the endpoint right, and its server up behind the proxy?"));
  }
  if (failure.code == "SlowDown" || failure.code == "ThrottlingException" || status == 429 ||
      status == 503) {
    return SlowDown(text);
  }
  if (status == 507 || IsOneOf(failure.code, kFullCodes)) {
    return absl::ResourceExhaustedError(absl::StrCat(text, "; the server is full, or a quota is"));
  }
  if (status == 301 || failure.code == "AuthorizationHeaderMalformed" ||
      failure.code == "PermanentRedirect" || failure.code == "IllegalLocationConstraintException") {
    return ElsewhereError(failure, text);
  }
  if (status == 401 || status == 403 || MeansStaleCredentials(answer, failure)) {
    return Denied(failure, text);
  }
  if (status == 408 || status == 409 || status == 307 || IsOneOf(failure.code, kPassingCodes)) {
    return absl::UnavailableError(text);
  }
  if (status == 501) {
    return absl::FailedPreconditionError(
        absl::StrCat(text, "; the server lacks what floe needs (doc/s3.md names those that work)"));
  }
  if (status >= 500) return absl::UnavailableError(text);
  return absl::FailedPreconditionError(
      absl::StrCat(text, "; check endpoint and style in the store's address"));
}

}  // namespace floe::store
