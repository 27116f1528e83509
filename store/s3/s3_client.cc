// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "store/s3/s3_error.h"

namespace floe::store {
namespace {

constexpr char kEmptySha256[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

}  // namespace

struct S3Client::Call {
  S3Request request;
  Callback done;
  bool again = false;  // this is the second attempt
};

S3Client::S3Client(const S3Address& address, const std::string& region,
                   std::shared_ptr<net::AsyncHttp> http, std::shared_ptr<const net::TlsOptions> tls,
                   std::unique_ptr<CredentialsSource> credentials, Clock& clock)
    : bucket_(address.bucket),
      place_(PlaceOf(address, region)),
      scope_{region, "s3"},
      http_(std::move(http)),
      tls_(std::move(tls)),
      clock_(clock),
      credentials_(std::move(credentials), clock) {}

std::string S3Client::Describe(absl::string_view verb, absl::string_view key) const {
  return absl::StrCat(verb, " s3://", bucket_, key.empty() ? "" : "/", key);
}

void S3Client::Send(S3Request request, Callback done) {
  Attempt(std::make_shared<Call>(Call{std::move(request), std::move(done)}));
}

void S3Client::Attempt(const std::shared_ptr<Call>& call) {
  credentials_.Get([this, call](absl::StatusOr<S3CredentialsPtr> credentials) {
    if (credentials.ok()) return SendSigned(call, *credentials);
    if (absl::IsNotFound(credentials.status())) {
      // Not NOT_FOUND: the object may well be there.
      return call->done(absl::FailedPreconditionError(
          absl::StrCat("no credentials for s3://", bucket_, ": ", credentials.status().message(),
                       "; doc/s3.md says where they may be")));
    }
    call->done(Annotate(credentials.status(), absl::StrCat("credentials for s3://", bucket_)));
  });
}

std::shared_ptr<const Secret> S3Client::SigningKeyFor(const S3CredentialsPtr& credentials,
                                                      const std::string& amz_date) {
  const std::string day = amz_date.substr(0, 8);
  MutexLock lock(mutex_);
  if (key_of_ != credentials || key_day_ != day) {
    key_ = std::make_shared<const Secret>(
        DeriveSigningKey(credentials->secret_access_key, amz_date, scope_));
    key_of_ = credentials;
    key_day_ = day;
  }
  return key_;
}

void S3Client::SendSigned(const std::shared_ptr<Call>& call, const S3CredentialsPtr& credentials) {
  const S3Request& request = call->request;
  const std::string date = AmzDate(clock_.WallNow());
  RequestToSign to_sign;
  to_sign.method = request.method;
  to_sign.path = absl::StrCat(place_.path_prefix, request.key);
  to_sign.query = request.query;
  to_sign.payload_sha256 = request.body_sha256.empty() ? kEmptySha256 : request.body_sha256;
  to_sign.headers = request.headers;
  to_sign.headers.emplace_back("x-amz-content-sha256", to_sign.payload_sha256);
  to_sign.headers.emplace_back("x-amz-date", date);
  to_sign.headers.emplace_back("host", place_.host);
  to_sign.session_token = credentials->session_token.get();
  std::string authorization = Authorization(to_sign, credentials->access_key_id,
                                            *SigningKeyFor(credentials, date), date, scope_);
  net::AsyncHttpRequest http;
  http.method = request.method;
  http.url = absl::StrCat(place_.base_url, UriEncode(to_sign.path, true),
                          request.query.empty() ? "" : "?", CanonicalQuery(request.query));
  http.headers = std::move(to_sign.headers);
  http.headers.pop_back();  // curl writes the host itself
  http.headers.emplace_back("Authorization", std::move(authorization));
  if (credentials->session_token != nullptr) {
    http.secret_headers.emplace_back("x-amz-security-token", credentials->session_token);
  }
  http.body = request.body;
  http.body_offset = request.body_offset;
  http.body_size = request.body_size;
  http.expect_continue = request.expect_continue;
  http.tls = tls_;
  http.max_answer_bytes = request.max_answer_bytes;
  http.deadline = request.options.deadline;
  http.cancel = request.options.cancel;
  http_->Send(std::move(http),
              [this, call, credentials](absl::StatusOr<net::AsyncHttpAnswer> answer) {
                OnAnswer(call, credentials, std::move(answer));
              });
}

void S3Client::OnAnswer(const std::shared_ptr<Call>& call, const S3CredentialsPtr& credentials,
                        absl::StatusOr<net::AsyncHttpAnswer> answer) {
  if (answer.ok() && !call->again && answer->status >= 400 && answer->status <= 403 &&
      MeansStaleCredentials(*answer, ParseS3Failure(*answer))) {
    call->again = true;
    credentials_.Refused(credentials);
    return Attempt(call);
  }
  call->done(std::move(answer));
}

}  // namespace floe::store
