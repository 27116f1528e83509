// SPDX-License-Identifier: Apache-2.0
// Gets: small objects in one request, large ones in parallel ranges.
#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "store/s3/s3_error.h"
#include "store/s3/s3_object_store.h"

namespace floe::store {
namespace {

std::string RangeHeader(uint64_t offset, uint64_t length) {
  return absl::StrCat("bytes=", offset, "-", offset + length - 1);
}

// The whole length in "bytes 0-9/100" or "bytes */100"; nullopt when it is not there.
std::optional<uint64_t> TotalOf(absl::string_view content_range) {
  const size_t slash = content_range.rfind('/');
  uint64_t total = 0;
  if (slash == absl::string_view::npos ||
      !absl::SimpleAtoi(content_range.substr(slash + 1), &total)) {
    return std::nullopt;
  }
  return total;
}

}  // namespace

struct S3ObjectStore::RangedGet {
  std::string name;
  uint64_t max_bytes = 0;
  RequestOptions options;
  GetCallback done;
  std::string etag;

  Mutex mutex;
  std::shared_ptr<Bytes> bytes;  // each range writes its own part
  uint64_t next FLOE_GUARDED_BY(mutex) = 0;
  size_t under_way FLOE_GUARDED_BY(mutex) = 0;
  absl::Status failure FLOE_GUARDED_BY(mutex);
};

void S3ObjectStore::GetWhole(const std::string& name, uint64_t max_bytes,
                             const RequestOptions& options, GetCallback done) {
  if (max_bytes > options_.range_bytes) {
    const auto get = std::make_shared<RangedGet>();
    get->name = name;
    get->max_bytes = max_bytes;
    get->options = options;
    get->done = std::move(done);
    return GetFirstRange(get);
  }
  S3Request request;
  request.key = KeyOf(name);
  request.max_answer_bytes = max_bytes;
  request.options = options;
  SendChecked(std::move(request), Describe("get", name),
              [done = std::move(done)](absl::StatusOr<net::AsyncHttpAnswer> answer) {
                if (!answer.ok()) return done(answer.status());
                done(SealedBytes(std::move(answer->body)));
              });
}

void S3ObjectStore::GetFirstRange(const std::shared_ptr<RangedGet>& get) {
  S3Request request;
  request.key = KeyOf(get->name);
  request.headers = {{"Range", RangeHeader(0, options_.range_bytes)}};
  // A server without ranges sends everything.
  request.max_answer_bytes = get->max_bytes;
  request.options = get->options;
  client_->Send(std::move(request), [this, get](absl::StatusOr<net::AsyncHttpAnswer> answer) {
    OnFirstRange(get, std::move(answer));
  });
}

void S3ObjectStore::OnFirstRange(const std::shared_ptr<RangedGet>& get,
                                 absl::StatusOr<net::AsyncHttpAnswer> answer) {
  const std::string what = Describe("get", get->name);
  if (!answer.ok()) return get->done(Annotate(answer.status(), what));
  // An empty object has no first byte.
  if (answer->status == 416) return get->done(std::make_shared<const Bytes>());
  if (answer->status == 200) return get->done(SealedBytes(std::move(answer->body)));
  if (answer->status != 206) return get->done(S3Error(what, *answer));
  const std::optional<uint64_t> total = TotalOf(answer->Header("Content-Range"));
  if (!total || *total < answer->body->size()) {
    return get->done(absl::UnavailableError(absl::StrCat(what, ": a malformed answer")));
  }
  if (*total > get->max_bytes) {
    return get->done(
        absl::DataLossError(absl::StrCat(what, ": it is longer than ", get->max_bytes, " bytes")));
  }
  if (*total == answer->body->size()) return get->done(SealedBytes(std::move(answer->body)));
  get->etag = std::string(answer->Header("ETag"));
  get->bytes = std::move(answer->body);
  {
    MutexLock lock(get->mutex);
    get->next = get->bytes->size();
  }
  get->bytes->resize(*total);
  GetNextRanges(get);
}

void S3ObjectStore::GetNextRanges(const std::shared_ptr<RangedGet>& get) {
  while (true) {
    uint64_t offset = 0;
    {
      MutexLock lock(get->mutex);
      if (!get->failure.ok() || get->next >= get->bytes->size() ||
          get->under_way >= options_.parallel_ranges) {
        return;
      }
      offset = get->next;
      get->next += options_.range_bytes;
      ++get->under_way;
    }
    const uint64_t length = std::min<uint64_t>(options_.range_bytes, get->bytes->size() - offset);
    S3Request request;
    request.key = KeyOf(get->name);
    request.headers = {{"Range", RangeHeader(offset, length)}};
    if (!get->etag.empty()) request.headers.emplace_back("If-Match", get->etag);
    request.max_answer_bytes = length;
    request.options = get->options;
    client_->Send(std::move(request),
                  [this, get, offset](absl::StatusOr<net::AsyncHttpAnswer> answer) {
                    OnRange(get, offset, std::move(answer));
                  });
  }
}

void S3ObjectStore::OnRange(const std::shared_ptr<RangedGet>& get, uint64_t offset,
                            absl::StatusOr<net::AsyncHttpAnswer> answer) {
  const std::string what = Describe("get", get->name);
  const uint64_t length = std::min<uint64_t>(options_.range_bytes, get->bytes->size() - offset);
  absl::Status status = answer.status();
  if (!status.ok()) {
    status = Annotate(status, what);
  } else if (answer->status == 412) {
    status = absl::UnavailableError(absl::StrCat(what, ": it was replaced while it was read"));
  } else if (answer->status != 206) {
    status = answer->status == 200 ? absl::UnavailableError(what + ": no range was answered")
                                   : S3Error(what, *answer);
  } else if (answer->body->size() != length) {
    status = absl::UnavailableError(absl::StrCat(what, ": a range came short"));
  } else {
    std::copy(answer->body->begin(), answer->body->end(),
              get->bytes->begin() + static_cast<ptrdiff_t>(offset));
  }
  {
    MutexLock lock(get->mutex);
    --get->under_way;
    if (get->failure.ok()) get->failure = status;
    status = get->failure;
    const bool all_asked = !status.ok() || get->next >= get->bytes->size();
    if (all_asked && get->under_way > 0) return;
    if (!all_asked) status = absl::UnknownError("");  // go on
  }
  if (status.ok()) return get->done(SealedBytes(get->bytes));
  if (!absl::IsUnknown(status)) return get->done(status);
  GetNextRanges(get);
}

}  // namespace floe::store
