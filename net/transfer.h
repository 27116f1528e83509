// SPDX-License-Identifier: Apache-2.0
// One asynchronous request on a curl handle: how it is set up, what it collects, what its end
// means. Part of net/async_http.cc.
#pragma once

#include <curl/curl.h>

#include "net/async_http.h"

namespace floe::net {

// Not thread safe: belongs to the event thread once it was queued. Must not move: curl keeps its
// address.
class Transfer {
 public:
  Transfer(AsyncHttpRequest request, AsyncHttp::Callback done)
      : request_(std::move(request)), done_(std::move(done)) {}
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer();

  // INVALID_ARGUMENT for headers that would break out of their lines.
  static absl::Status Check(const AsyncHttpRequest& request);

  // CANCELLED or DEADLINE_EXCEEDED when nobody waits any more.
  absl::Status StillWanted(SteadyTime now) const;
  void Configure(CURL* easy, const AsyncHttpOptions& options);
  // What curl's result means.
  absl::Status Result(CURLcode code) const;
  // Calls the callback: the answer when `status` is OK.
  void Answer(const absl::Status& status);

 private:
  static size_t OnHeader(char* data, size_t size, size_t count, void* context) {
    return static_cast<Transfer*>(context)->TakeHeader({data, size * count});
  }
  static size_t OnBody(char* data, size_t size, size_t count, void* context) {
    return static_cast<Transfer*>(context)->TakeBody({data, size * count});
  }
  size_t TakeHeader(absl::string_view line);
  size_t TakeBody(absl::string_view bytes);
  void ConfigureBody(CURL* easy);
  void ConfigureTimes(CURL* easy, const AsyncHttpOptions& options);
  void ConfigureTls(CURL* easy) const;
  void AddHeaders(CURL* easy);
  bool Succeeded() const { return answer_.status >= 200 && answer_.status < 300; }

  AsyncHttpRequest request_;
  AsyncHttp::Callback done_;
  CURL* easy_ = nullptr;
  curl_slist* headers_ = nullptr;
  AsyncHttpAnswer answer_;
  size_t header_bytes_ = 0;
  bool too_long_ = false;
  bool first_ = true;  // of the body
  std::chrono::seconds stall_time_{0};
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace floe::net
