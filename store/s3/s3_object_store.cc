// SPDX-License-Identifier: Apache-2.0
// What all operations share, and those of one request. Ranges: s3_get.cc; puts: s3_put.cc, parts:
// s3_upload.cc; lists: s3_list.cc.
#include "store/s3/s3_object_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "store/blocking.h"
#include "store/s3/s3_error.h"

namespace floe::store {

S3ObjectStore::S3ObjectStore(std::unique_ptr<S3Client> client, std::string prefix, std::string name,
                             const S3ObjectStoreOptions& options)
    : client_(std::move(client)),
      prefix_(std::move(prefix)),
      name_(std::move(name)),
      options_(options) {}

S3ObjectStore::~S3ObjectStore() { calls_.WaitUntilNone(); }

void S3ObjectStore::SendChecked(S3Request request, std::string what,
                                std::function<void(absl::StatusOr<net::AsyncHttpAnswer>)> done) {
  client_->Send(std::move(request), [what = std::move(what), done = std::move(done)](
                                        absl::StatusOr<net::AsyncHttpAnswer> answer) {
    if (!answer.ok()) return done(Annotate(answer.status(), what));
    if (answer->status < 200 || answer->status > 299) return done(S3Error(what, *answer));
    done(std::move(answer));
  });
}

void S3ObjectStore::Get(const std::string& name, uint64_t max_bytes, const RequestOptions& options,
                        GetCallback done) {
  const absl::Status valid = CheckObjectName(name);
  if (!valid.ok()) return done(valid);
  calls_.Begin();
  GetWhole(name, max_bytes, options,
           [this, name, options, done = std::move(done)](absl::StatusOr<SealedBytes> bytes) {
             if (absl::IsPermissionDenied(bytes.status())) {
               return TellAbsentFromDenied(name, options, bytes.status(), done);
             }
             done(std::move(bytes));
             calls_.End();
           });
}

void S3ObjectStore::TellAbsentFromDenied(const std::string& name, const RequestOptions& options,
                                         const absl::Status& denied, const GetCallback& done) {
  S3Request request;
  request.query = {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", KeyOf(name)}};
  request.options = options;
  SendChecked(std::move(request), Describe("look for", name),
              [this, name, denied, done](absl::StatusOr<net::AsyncHttpAnswer> answer) {
                absl::Status status = denied;
                if (answer.ok()) {
                  const auto page = ParseListPage(AsText(*answer->body), prefix_);
                  // One name at most, the first that begins so: the object's own, if it is there.
                  const bool absent = page.ok() && page->last_key != KeyOf(name);
                  if (absent) status = absl::NotFoundError(Describe("get", name) + ": not there");
                }
                done(status);
                calls_.End();
              });
}

absl::Status S3ObjectStore::Remove(const std::string& name) {
  FLOE_RETURN_IF_ERROR(CheckObjectName(name));
  using Answer = absl::StatusOr<net::AsyncHttpAnswer>;
  return WaitFor<Answer>([&](std::function<void(Answer)> done) {
           S3Request request;
           request.method = "DELETE";
           request.key = KeyOf(name);
           calls_.Begin();
           SendChecked(std::move(request), Describe("delete", name), [this, done](Answer answer) {
             done(std::move(answer));
             calls_.End();
           });
         })
      .status();
}

}  // namespace floe::store
