// SPDX-License-Identifier: Apache-2.0
// Multipart uploads, for what is too long for one request. The condition holds at the end: the
// object appears whole, if it was absent then.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "store/s3/s3_error.h"
#include "store/s3/s3_put.h"
#include "store/s3/xml.h"

namespace floe::store {

struct S3ObjectStore::Upload {
  std::shared_ptr<PutCall> put;
  std::string id;
  struct Part {
    std::string etag;
    std::string checksum;
  };
  std::vector<Part> parts;
};

void S3ObjectStore::StartUpload(const std::shared_ptr<PutCall>& put) {
  ++put->attempts;
  S3Request request;
  request.method = "POST";
  request.key = KeyOf(put->name);
  request.query = {{"uploads", ""}};
  request.headers = {{"Content-Type", "application/octet-stream"},
                     {"x-amz-checksum-algorithm", "SHA256"}};
  request.options = put->options;
  const std::string what = Describe("begin the upload of", put->name);
  SendChecked(std::move(request), what,
              [this, put, what](absl::StatusOr<net::AsyncHttpAnswer> answer) {
                if (!answer.ok()) return put->done(answer.status());
                const absl::StatusOr<XmlElement> root = ParseXml(AsText(*answer->body));
                const std::string id = root.ok() ? root->ChildText("UploadId") : "";
                if (id.empty()) {
                  return put->done(absl::UnavailableError(what + ": a malformed answer"));
                }
                const auto upload = std::make_shared<Upload>();
                upload->put = put;
                upload->id = id;
                UploadNext(upload);
              });
}

void S3ObjectStore::UploadNext(const std::shared_ptr<Upload>& upload) {
  const PutCall& put = *upload->put;
  const size_t offset = upload->parts.size() * options_.part_bytes;
  if (offset >= put.bytes->size()) return CompleteUpload(upload);
  S3Request request;
  request.method = "PUT";
  request.key = KeyOf(put.name);
  request.query = {{"partNumber", absl::StrCat(upload->parts.size() + 1)},
                   {"uploadId", upload->id}};
  request.body = put.bytes;
  request.body_offset = offset;
  request.body_size = std::min(options_.part_bytes, put.bytes->size() - offset);
  const Sha256Digest digest = Sha256(ByteView(*put.bytes).subspan(offset, request.body_size));
  const std::string checksum = Base64Sha256(digest);
  request.body_sha256 = ToHex(digest);
  request.headers = {{"x-amz-checksum-sha256", checksum}};
  request.options = put.options;
  SendChecked(std::move(request),
              Describe(absl::StrCat("put part ", upload->parts.size() + 1, " of"), put.name),
              [this, upload, checksum](absl::StatusOr<net::AsyncHttpAnswer> answer) {
                if (!answer.ok()) return AbortUpload(upload, answer.status());
                upload->parts.push_back({std::string(answer->Header("ETag")), checksum});
                UploadNext(upload);
              });
}

void S3ObjectStore::CompleteUpload(const std::shared_ptr<Upload>& upload) {
  const PutCall& put = *upload->put;
  std::string xml = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (size_t i = 0; i < upload->parts.size(); ++i) {
    absl::StrAppend(&xml, "<Part><PartNumber>", i + 1, "</PartNumber><ETag>",
                    XmlEscape(upload->parts[i].etag), "</ETag><ChecksumSHA256>",
                    upload->parts[i].checksum, "</ChecksumSHA256></Part>");
  }
  absl::StrAppend(&xml, "</CompleteMultipartUpload>");
  S3Request request;
  request.method = "POST";
  request.key = KeyOf(put.name);
  request.query = {{"uploadId", upload->id}};
  request.headers = {{"Content-Type", "application/xml"}};
  if (!put.replace) request.headers.emplace_back("If-None-Match", "*");
  request.body = std::make_shared<Bytes>(xml.begin(), xml.end());
  request.body_sha256 = ToHex(Sha256(*request.body));
  request.options = put.options;
  client_->Send(std::move(request), [this, upload](absl::StatusOr<net::AsyncHttpAnswer> answer) {
    OnCompleted(upload, std::move(answer));
  });
}

void S3ObjectStore::OnCompleted(const std::shared_ptr<Upload>& upload,
                                absl::StatusOr<net::AsyncHttpAnswer> answer) {
  const std::shared_ptr<PutCall>& put = upload->put;
  const std::string what = Describe("end the upload of", put->name);
  if (!answer.ok()) return AbortUpload(upload, Annotate(answer.status(), what));
  if (answer->status == 200) {
    // The status is sent before the server is done: the body has the last word.
    const absl::StatusOr<XmlElement> root = ParseXml(AsText(*answer->body));
    if (root.ok() && root->name == "CompleteMultipartUploadResult") {
      return put->done(PutResult::kCreated);
    }
    answer->status = 500;
  }
  // How these two end is decided after the parts are cleared away.
  if (answer->status == 412 && !put->replace)
    return AbortUpload(upload, absl::AlreadyExistsError(what));
  if (answer->status == 409) return AbortUpload(upload, absl::AbortedError(what));
  AbortUpload(upload, S3Error(what, *answer));
}

void S3ObjectStore::AbortUpload(const std::shared_ptr<Upload>& upload, const absl::Status& status) {
  S3Request request;
  request.method = "DELETE";
  request.key = KeyOf(upload->put->name);
  request.query = {{"uploadId", upload->id}};
  // Not the put's own options: what was cancelled is cleared away too. Where that fails, the
  // bucket's rule for unfinished uploads clears it.
  request.options.deadline = Clock::Real().Now() + std::chrono::seconds(10);
  client_->Send(std::move(request), [this, upload, status](absl::StatusOr<net::AsyncHttpAnswer>) {
    const std::shared_ptr<PutCall>& put = upload->put;
    if (absl::IsAlreadyExists(status)) return CheckSize(put);
    if (absl::IsAborted(status)) return PutAgain(put, status);
    put->done(status);
  });
}

}  // namespace floe::store
