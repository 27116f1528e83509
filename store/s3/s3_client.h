// SPDX-License-Identifier: Apache-2.0
// Signed requests to one bucket.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "net/async_http.h"
#include "store/chunk_store.h"
#include "store/s3/credentials.h"
#include "store/s3/s3_address.h"
#include "store/s3/sigv4.h"

namespace floe::store {

struct S3Request {
  std::string method = "GET";
  std::string key;     // the whole object name, prefix included; "": the bucket itself
  NameValues query;    // not encoded
  NameValues headers;  // beside those of the signature
  SealedBytes body;    // null: none
  size_t body_offset = 0;
  size_t body_size = std::numeric_limits<size_t>::max();
  std::string body_sha256;  // hexadecimal, of the part that is sent; "" for no body
  bool expect_continue = false;
  size_t max_answer_bytes = 1 << 20;
  RequestOptions options;
};

// Thread safe. The destructor does not wait for answers: owners count them.
class S3Client {
 public:
  using Callback = std::function<void(absl::StatusOr<net::AsyncHttpAnswer>)>;

  // `clock` is borrowed.
  S3Client(const S3Address& address, const std::string& region,
           std::shared_ptr<net::AsyncHttp> http, std::shared_ptr<const net::TlsOptions> tls,
           std::unique_ptr<CredentialsSource> credentials, Clock& clock);

  // Whatever the server answers is OK here (s3_error.h tells what it means); errors are those of
  // the network and of missing credentials. Credentials that the server calls expired are fetched
  // again, and the request is sent once more. `done` must not wait.
  void Send(S3Request request, Callback done);

  const std::string& bucket() const { return bucket_; }
  // "get s3://bucket/key"
  std::string Describe(absl::string_view verb, absl::string_view key) const;
  const std::string& endpoint() const { return place_.base_url; }

 private:
  struct Call;
  void Attempt(const std::shared_ptr<Call>& call);
  void SendSigned(const std::shared_ptr<Call>& call, const S3CredentialsPtr& credentials)
      FLOE_EXCLUDES(mutex_);
  void OnAnswer(const std::shared_ptr<Call>& call, const S3CredentialsPtr& credentials,
                absl::StatusOr<net::AsyncHttpAnswer> answer);
  std::shared_ptr<const Secret> SigningKeyFor(const S3CredentialsPtr& credentials,
                                              const std::string& amz_date) FLOE_EXCLUDES(mutex_);

  const std::string bucket_;
  const S3Place place_;
  const SigningScope scope_;
  const std::shared_ptr<net::AsyncHttp> http_;
  const std::shared_ptr<const net::TlsOptions> tls_;
  Clock& clock_;
  Mutex mutex_;
  // The derived key of one day, made once.
  S3CredentialsPtr key_of_ FLOE_GUARDED_BY(mutex_);
  std::string key_day_ FLOE_GUARDED_BY(mutex_);
  std::shared_ptr<const Secret> key_ FLOE_GUARDED_BY(mutex_);
  CredentialsCache credentials_;  // last, so that its thread ends first
};

}  // namespace floe::store
