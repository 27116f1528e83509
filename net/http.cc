// SPDX-License-Identifier: Apache-2.0
#include "net/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace floe::net {
namespace {

constexpr char kNoTlsPayload[] = "floe/no-tls";
constexpr size_t kPauseBytes = 1 << 20;        // pause the connection above this
constexpr size_t kMaxHeaderBytes = 256 << 10;  // of one answer
constexpr int kPollMilliseconds = 100;  // how often a waiting transfer looks for cancellation

// One easy handle in a multi handle of its own: the multi handle keeps the connections.
struct Handle {
  CURLM* multi = curl_multi_init();
  CURL* easy = curl_easy_init();

  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }
};
using HandlePtr = std::unique_ptr<Handle>;

class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() {
    for (curl_slist* node = list_; node != nullptr; node = node->next) {
      Wipe({reinterpret_cast<uint8_t*>(node->data), strlen(node->data)});
    }
    curl_slist_free_all(list_);
  }
  void Add(const std::string& line) { list_ = curl_slist_append(list_, line.c_str()); }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

absl::Status CurlFailure(CURLcode code, const std::string& url, const char* detail) {
  const std::string text =
      absl::StrCat(DisplayUrl(url), ": ", *detail != '\0' ? detail : curl_easy_strerror(code));
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(text);
    case CURLE_PEER_FAILED_VERIFICATION:
      return absl::FailedPreconditionError(absl::StrCat(
          text, " (give the authority's certificate with --ca FILE if you trust this server)"));
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      return absl::FailedPreconditionError(
          absl::StrCat(text, " (check the files given with --ca, --cert and --key)"));
    case CURLE_SSL_CONNECT_ERROR: {
      absl::Status status = absl::FailedPreconditionError(
          absl::StrCat(text, " (if the server speaks plain http, say so with --plain-http)"));
      status.SetPayload(kNoTlsPayload, absl::Cord("1"));
      return status;
    }
    default:
      return absl::UnavailableError(text);
  }
}

class Exchange : public HttpExchange {
 public:
  Exchange(HandlePtr handle, const HttpClientOptions& options,
           std::function<void(HandlePtr)> give_back)
      : handle_(std::move(handle)), options_(options), give_back_(std::move(give_back)) {}
  ~Exchange() override {
    curl_multi_remove_handle(handle_->multi, handle_->easy);
    curl_easy_reset(handle_->easy);
    give_back_(std::move(handle_));
  }

  absl::Status Start(const HttpRequest& request);

  int status() const override { return status_; }
  std::string Header(absl::string_view name) const override {
    const std::vector<std::string> all = AllHeaders(name);
    return all.empty() ? "" : all[0];
  }
  std::vector<std::string> AllHeaders(absl::string_view name) const override {
    std::vector<std::string> values;
    for (const auto& [key, value] : headers_) {
      if (absl::EqualsIgnoreCase(key, name)) values.push_back(value);
    }
    return values;
  }
  absl::StatusOr<size_t> Read(MutableByteView out) override;

 private:
  static size_t OnHeader(char* data, size_t size, size_t count, void* context) {
    return static_cast<Exchange*>(context)->TakeHeader({data, size * count});
  }
  static size_t OnBody(char* data, size_t size, size_t count, void* context) {
    return static_cast<Exchange*>(context)->TakeBody({data, size * count});
  }

  void Configure(const HttpRequest& request);
  void ConfigureTls(const TlsOptions& tls);
  void AddHeaders(const HttpRequest& request);
  size_t TakeHeader(absl::string_view line);
  size_t TakeBody(absl::string_view bytes);
  // Lets curl work until `enough` says so or the transfer is over.
  template <typename Enough>
  absl::Status RunUntil(Enough enough);
  void TakeMessages();
  size_t Buffered() const { return body_.size() - body_read_; }

  HandlePtr handle_;
  const HttpClientOptions& options_;
  const std::function<void(HandlePtr)> give_back_;
  std::string url_;
  HeaderList request_headers_;
  char error_[CURL_ERROR_SIZE] = {};
  int status_ = 0;
  HttpHeaders headers_;
  size_t header_bytes_ = 0;
  bool headers_done_ = false;
  Bytes body_;
  size_t body_read_ = 0;
  bool paused_ = false;
  bool done_ = false;
  CURLcode result_ = CURLE_OK;
  uint64_t received_ = 0;  // bytes, to see whether anything comes
};

void Exchange::ConfigureTls(const TlsOptions& tls) {
  CURL* easy = handle_->easy;
  if (tls.skip_verify) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!tls.authorities.empty()) {
    curl_blob blob{const_cast<char*>(tls.authorities.data()), tls.authorities.size(),
                   CURL_BLOB_COPY};
    curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (!tls.client_certificate.empty()) {
    const std::string& key = tls.client_key.empty() ? tls.client_certificate : tls.client_key;
    curl_easy_setopt(easy, CURLOPT_SSLCERT, tls.client_certificate.c_str());
    curl_easy_setopt(easy, CURLOPT_SSLKEY, key.c_str());
  }
}

void Exchange::AddHeaders(const HttpRequest& request) {
  // curl would wait a second for a go-ahead that many registries never send.
  request_headers_.Add("Expect:");
  for (const auto& [name, value] : request.headers) {
    request_headers_.Add(absl::StrCat(name, ": ", value));
  }
  if (request.body && request.body->empty()) request_headers_.Add("Content-Length: 0");
  if (request.authorization != nullptr && !request.authorization->empty()) {
    std::string line = absl::StrCat("Authorization: ", AsText(request.authorization->view()));
    request_headers_.Add(line);
    Wipe({reinterpret_cast<uint8_t*>(line.data()), line.size()});
  }
  curl_easy_setopt(handle_->easy, CURLOPT_HTTPHEADER, request_headers_.get());
}

void Exchange::Configure(const HttpRequest& request) {
  CURL* easy = handle_->easy;
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L << 10);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_);
  const auto connect =
      request.connect_timeout.count() > 0 ? request.connect_timeout : options_.connect_timeout;
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect.count()));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (request.body) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body->size()));
    curl_easy_setopt(
        easy, CURLOPT_POSTFIELDS,
        request.body->empty() ? "" : reinterpret_cast<const char*>(request.body->data()));
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else if (request.method != "GET") {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  if (request.tls != nullptr) ConfigureTls(*request.tls);
  AddHeaders(request);
}

size_t Exchange::TakeHeader(absl::string_view line) {
  const size_t taken = line.size();
  header_bytes_ += taken;
  received_ += taken;
  if (header_bytes_ > kMaxHeaderBytes) return 0;
  line = absl::StripTrailingAsciiWhitespace(line);
  if (absl::StartsWith(line, "HTTP/")) {
    headers_.clear();  // what came before was an interim answer
    return taken;
  }
  if (line.empty()) {
    long code = 0;
    curl_easy_getinfo(handle_->easy, CURLINFO_RESPONSE_CODE, &code);
    status_ = static_cast<int>(code);
    headers_done_ = status_ >= 200;
    return taken;
  }
  const size_t colon = line.find(':');
  if (colon != absl::string_view::npos && !headers_done_) {
    headers_.emplace_back(std::string(line.substr(0, colon)),
                          std::string(absl::StripAsciiWhitespace(line.substr(colon + 1))));
  }
  return taken;
}

size_t Exchange::TakeBody(absl::string_view bytes) {
  if (Buffered() >= kPauseBytes) {
    paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  received_ += bytes.size();
  const ByteView view = AsBytes(bytes);
  body_.insert(body_.end(), view.begin(), view.end());
  return bytes.size();
}

void Exchange::TakeMessages() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(handle_->multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    done_ = true;
    result_ = message->data.result;
  }
}

template <typename Enough>
absl::Status Exchange::RunUntil(Enough enough) {
  uint64_t seen = received_;
  SteadyTime deadline = Clock::Real().Now() + options_.stall_timeout;
  while (!done_ && !enough()) {
    if (options_.cancel.cancelled()) return absl::CancelledError("cancelled");
    int running = 0;
    CURLMcode code = curl_multi_perform(handle_->multi, &running);
    TakeMessages();
    if (code == CURLM_OK && !done_ && !enough()) {
      code = curl_multi_poll(handle_->multi, nullptr, 0, kPollMilliseconds, nullptr);
    }
    if (code != CURLM_OK) {
      return absl::InternalError(absl::StrCat(DisplayUrl(url_), ": ", curl_multi_strerror(code)));
    }
    curl_off_t uploaded = 0;
    curl_easy_getinfo(handle_->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    const uint64_t now_seen = received_ + static_cast<uint64_t>(uploaded);
    if (now_seen != seen) {
      seen = now_seen;
      deadline = Clock::Real().Now() + options_.stall_timeout;
    } else if (Clock::Real().Now() >= deadline) {
      return absl::UnavailableError(absl::StrCat(DisplayUrl(url_), ": nothing came for ",
                                                 options_.stall_timeout.count(), " ms"));
    }
  }
  // What came before a break is still given out.
  if (done_ && result_ != CURLE_OK && !enough()) return CurlFailure(result_, url_, error_);
  return absl::OkStatus();
}

absl::Status Exchange::Start(const HttpRequest& request) {
  url_ = request.url;
  Configure(request);
  const CURLMcode code = curl_multi_add_handle(handle_->multi, handle_->easy);
  if (code != CURLM_OK) return absl::InternalError(curl_multi_strerror(code));
  if (request.body) {
    // The body is the caller's: curl must be through with it. Answers to uploads are short.
    return RunUntil([this] { return Buffered() >= kPauseBytes; });
  }
  return RunUntil([this] { return headers_done_; });
}

absl::StatusOr<size_t> Exchange::Read(MutableByteView out) {
  if (Buffered() == 0) {
    body_.clear();
    body_read_ = 0;
    if (paused_) {
      paused_ = false;
      curl_easy_pause(handle_->easy, CURLPAUSE_CONT);
    }
    FLOE_RETURN_IF_ERROR(RunUntil([this] { return Buffered() > 0; }));
  }
  const size_t count = std::min(out.size(), Buffered());
  if (count > 0) std::memcpy(out.data(), body_.data() + body_read_, count);
  body_read_ += count;
  return count;
}

}  // namespace

struct HttpClient::Impl {
  explicit Impl(HttpClientOptions o) : options(std::move(o)) {}

  HandlePtr Take() FLOE_EXCLUDES(mutex) {
    MutexLock lock(mutex);
    if (idle.empty()) return std::make_unique<Handle>();
    HandlePtr handle = std::move(idle.back());
    idle.pop_back();
    return handle;
  }
  void GiveBack(HandlePtr handle) FLOE_EXCLUDES(mutex) {
    MutexLock lock(mutex);
    idle.push_back(std::move(handle));
  }

  const HttpClientOptions options;
  Mutex mutex;
  std::vector<HandlePtr> idle FLOE_GUARDED_BY(mutex);
};

HttpClient::HttpClient(HttpClientOptions options) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  impl_ = std::make_unique<Impl>(std::move(options));
}
HttpClient::~HttpClient() = default;

absl::StatusOr<std::unique_ptr<HttpExchange>> HttpClient::Start(const HttpRequest& request) {
  for (const auto& [name, value] : request.headers) {
    if (name.find_first_of("\r\n:") != std::string::npos ||
        value.find_first_of("\r\n") != std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat("header \"", name, "\" holds a line break"));
    }
  }
  auto exchange =
      std::make_unique<Exchange>(impl_->Take(), impl_->options,
                                 [this](HandlePtr handle) { impl_->GiveBack(std::move(handle)); });
  FLOE_RETURN_IF_ERROR(exchange->Start(request));
  return exchange;
}

absl::StatusOr<Bytes> ReadBody(HttpExchange& exchange, size_t max_bytes) {
  Bytes body;
  Bytes buffer(64 << 10);
  while (true) {
    FLOE_ASSIGN_OR_RETURN(const size_t got, exchange.Read(buffer));
    if (got == 0) return body;
    if (body.size() + got > max_bytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("the server's answer is longer than ", max_bytes, " bytes"));
    }
    body.insert(body.end(), buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(got));
  }
}

bool IsNoTls(const absl::Status& status) { return status.GetPayload(kNoTlsPayload).has_value(); }

}  // namespace floe::net
