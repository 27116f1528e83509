// SPDX-License-Identifier: Apache-2.0
// Puts of one request: if absent, or replacing.
#include "store/s3/s3_put.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "store/s3/s3_error.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

std::chrono::milliseconds ConflictWait(int attempts) {
  uint16_t random = 0;
  RandomBytes({reinterpret_cast<uint8_t*>(&random), sizeof(random)});
  const int longest = 20 << std::min(attempts, 6);
  return std::chrono::milliseconds(1 + random % longest);
}

}  // namespace

std::string Base64Sha256(const Sha256Digest& digest) {
  return absl::Base64Escape(AsText(ByteView(digest)));
}

void S3ObjectStore::Put(const std::string& name, SealedBytes bytes, PutDurability,
                        const RequestOptions& options, PutCallback done) {
  BeginPut(name, std::move(bytes), false, options, std::move(done));
}

void S3ObjectStore::Replace(const std::string& name, SealedBytes bytes,
                            const RequestOptions& options, DoneCallback done) {
  BeginPut(
      name, std::move(bytes), true, options,
      [done = std::move(done)](const absl::StatusOr<PutResult>& result) { done(result.status()); });
}

void S3ObjectStore::BeginPut(const std::string& name, SealedBytes bytes, bool replace,
                             const RequestOptions& options, PutCallback done) {
  const absl::Status valid = CheckObjectName(name);
  if (!valid.ok()) return done(valid);
  calls_.Begin();
  const auto put = std::make_shared<PutCall>();
  put->name = name;
  put->bytes = std::move(bytes);
  put->options = options;
  put->replace = replace;
  put->done = [this, done = std::move(done)](absl::StatusOr<PutResult> result) {
    done(std::move(result));
    calls_.End();
  };
  StartPut(put);
}

void S3ObjectStore::StartPut(const std::shared_ptr<PutCall>& put) {
  if (put->bytes->size() > options_.part_bytes) return StartUpload(put);
  put->digest =
      Sha256(*put->bytes);  // here, on the caller's thread: the network's has enough to do
  PutOnce(put);
}

void S3ObjectStore::PutOnce(const std::shared_ptr<PutCall>& put) {
  ++put->attempts;
  S3Request request;
  request.method = "PUT";
  request.key = KeyOf(put->name);
  request.headers = {{"Content-Type", "application/octet-stream"},
                     {"x-amz-checksum-sha256", Base64Sha256(put->digest)}};
  if (!put->replace) request.headers.emplace_back("If-None-Match", "*");
  request.body = put->bytes;
  request.body_sha256 = ToHex(put->digest);
  request.expect_continue = !put->replace && ask_first_.load(std::memory_order_relaxed) &&
                            put->bytes->size() >= options_.ask_first_bytes;
  request.options = put->options;
  put->asked_first = request.expect_continue;
  client_->Send(std::move(request), [this, put](absl::StatusOr<net::AsyncHttpAnswer> answer) {
    OnPut(put, std::move(answer));
  });
}

void S3ObjectStore::OnPut(const std::shared_ptr<PutCall>& put,
                          absl::StatusOr<net::AsyncHttpAnswer> answer) {
  const std::string what = Describe("put", put->name);
  if (!answer.ok()) return put->done(Annotate(answer.status(), what));
  const int status = answer->status;
  if (status == 200 || status == 201 || status == 204) {
    if (put->asked_first && !answer->continued) ask_first_.store(false, std::memory_order_relaxed);
    return put->done(PutResult::kCreated);
  }
  if (status == 412 && !put->replace) return CheckSize(put);
  if (status == 409) return PutAgain(put, S3Error(what, *answer));
  put->done(S3Error(what, *answer));
}

void S3ObjectStore::CheckSize(const std::shared_ptr<PutCall>& put) {
  S3Request request;
  request.method = "HEAD";
  request.key = KeyOf(put->name);
  request.options = put->options;
  client_->Send(std::move(request), [this, put](absl::StatusOr<net::AsyncHttpAnswer> answer) {
    const std::string what = Describe("look at", put->name);
    if (!answer.ok()) return put->done(Annotate(answer.status(), what));
    // Who may only write learns no more than that it is there.
    if (answer->status == 403) return put->done(PutResult::kExisted);
    if (answer->status == 404) {
      return PutAgain(put, absl::UnavailableError(what + ": it was there and is gone"));
    }
    if (answer->status != 200) return put->done(S3Error(what, *answer));
    uint64_t size = 0;
    if (!absl::SimpleAtoi(answer->Header("Content-Length"), &size) || size != put->bytes->size()) {
      return put->done(
          absl::DataLossError(absl::StrCat(what, ": it has ", answer->Header("Content-Length"),
                                           " bytes instead of ", put->bytes->size())));
    }
    put->done(PutResult::kExisted);
  });
}

void S3ObjectStore::PutAgain(const std::shared_ptr<PutCall>& put, const absl::Status& conflict) {
  if (put->attempts >= options_.conflict_attempts) {
    return put->done(absl::UnavailableError(conflict.message()));
  }
  const SteadyTime when = timer_.Now() + ConflictWait(put->attempts);
  if (when >= put->options.deadline) return put->done(absl::UnavailableError(conflict.message()));
  timer_.RunAt(when, [this, put] {
    if (put->options.cancel.cancelled()) return put->done(absl::CancelledError("cancelled"));
    if (put->bytes->size() > options_.part_bytes) return StartUpload(put);
    PutOnce(put);
  });
}

}  // namespace floe::store
