// SPDX-License-Identifier: Apache-2.0
// Objects in a bucket of S3 or of what speaks its protocol. Puts are conditional (If-None-Match)
// and carry their SHA-256, so the server refuses what was damaged on the way; they are durable when
// answered.
#pragma once

#include <memory>
#include <string>

#include "base/timer.h"
#include "store/origin/object_store.h"
#include "store/outstanding_calls.h"
#include "store/s3/s3_client.h"

namespace floe::store {

struct S3ObjectStoreOptions {
  // Gets that may be longer than this begin with so many bytes; the rest comes in parallel ranges
  // of that length, `parallel_ranges` at once.
  size_t range_bytes = 8 << 20;
  size_t parallel_ranges = 8;
  // Puts longer than this go in parts of that length.
  size_t part_bytes = 64 << 20;
  // Smaller bodies are sent without asking first.
  size_t ask_first_bytes = 32 << 10;
  // Of puts that met another one (409), before UNAVAILABLE.
  int conflict_attempts = 6;
};

class S3ObjectStore : public ObjectStore {
 public:
  // Object names go after `prefix` ("" or "a/b/"). `name` is for people.
  S3ObjectStore(std::unique_ptr<S3Client> client, std::string prefix, std::string name,
                const S3ObjectStoreOptions& options = {});
  // Waits for all answers.
  ~S3ObjectStore() override;

  void Get(const std::string& name, uint64_t max_bytes, const RequestOptions& options,
           GetCallback done) override;
  // kExisted where the credentials may not look at the object (HEAD is denied): then its size is
  // unknown.
  void Put(const std::string& name, SealedBytes bytes, PutDurability durability,
           const RequestOptions& options, PutCallback done) override;
  void Replace(const std::string& name, SealedBytes bytes, const RequestOptions& options,
               DoneCallback done) override;
  void List(const std::string& prefix, const std::string& from, size_t limit,
            const RequestOptions& options, ListCallback done) override;
  absl::Status Sync() override { return absl::OkStatus(); }
  std::string Name() const override { return name_; }

  // For what floe wrote only to look at the server. Blocks.
  absl::Status Remove(const std::string& name);

 private:
  struct RangedGet;
  struct PutCall;
  struct Upload;

  std::string KeyOf(const std::string& name) const { return prefix_ + name; }
  std::string Describe(absl::string_view verb, const std::string& name) const {
    return client_->Describe(verb, KeyOf(name));
  }
  // Sends, and gives the answer only if its status is one of success.
  void SendChecked(S3Request request, std::string what,
                   std::function<void(absl::StatusOr<net::AsyncHttpAnswer>)> done);

  // Who may not list the bucket is refused what is not there (403): a list of the one name, where
  // that is allowed, tells.
  void TellAbsentFromDenied(const std::string& name, const RequestOptions& options,
                            const absl::Status& denied, const GetCallback& done);
  void GetWhole(const std::string& name, uint64_t max_bytes, const RequestOptions& options,
                GetCallback done);
  void GetFirstRange(const std::shared_ptr<RangedGet>& get);
  void OnFirstRange(const std::shared_ptr<RangedGet>& get,
                    absl::StatusOr<net::AsyncHttpAnswer> answer);
  void GetNextRanges(const std::shared_ptr<RangedGet>& get);
  void OnRange(const std::shared_ptr<RangedGet>& get, uint64_t offset,
               absl::StatusOr<net::AsyncHttpAnswer> answer);

  void BeginPut(const std::string& name, SealedBytes bytes, bool replace,
                const RequestOptions& options, PutCallback done);
  void StartPut(const std::shared_ptr<PutCall>& put);
  void PutOnce(const std::shared_ptr<PutCall>& put);
  void OnPut(const std::shared_ptr<PutCall>& put, absl::StatusOr<net::AsyncHttpAnswer> answer);
  void CheckSize(const std::shared_ptr<PutCall>& put);
  // Later, if attempts are left.
  void PutAgain(const std::shared_ptr<PutCall>& put, const absl::Status& conflict);

  void StartUpload(const std::shared_ptr<PutCall>& put);
  void UploadNext(const std::shared_ptr<Upload>& upload);
  void CompleteUpload(const std::shared_ptr<Upload>& upload);
  void OnCompleted(const std::shared_ptr<Upload>& upload,
                   absl::StatusOr<net::AsyncHttpAnswer> answer);
  void AbortUpload(const std::shared_ptr<Upload>& upload, const absl::Status& status);

  void ListOnce(const std::string& prefix, const std::string& from, size_t limit,
                const RequestOptions& options, ListCallback done);

  const std::unique_ptr<S3Client> client_;
  const std::string prefix_;
  const std::string name_;
  const S3ObjectStoreOptions options_;
  // Whether asking before sending is of use: a server that never answers the question costs a wait
  // each time.
  std::atomic<bool> ask_first_{true};
  OutstandingCalls calls_;
  ThreadTimer timer_{"s3-timer"};
};

// The names and sizes of one page of ListObjectsV2; `prefix` is taken off, names that are none of
// floe's are left out. DATA_LOSS when the answer is malformed or out of order.
struct S3ListPage {
  ObjectPage page;
  std::string last_key;  // of the bucket; "" for an empty page
  bool truncated = false;
};
absl::StatusOr<S3ListPage> ParseListPage(absl::string_view xml, absl::string_view prefix);

}  // namespace floe::store
