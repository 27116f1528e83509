// SPDX-License-Identifier: Apache-2.0
#include "net/transfer.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace floe::net {
namespace {

constexpr size_t kMaxAnswerHeaderBytes = 256 << 10;
constexpr size_t kMaxErrorBytes = 64 << 10;  // of the body of an answer that is no success
constexpr long kReceiveBuffer = 64 << 10;    // copied from while the processor's cache has it

bool BreaksLine(absl::string_view text) {
  return text.find_first_of(absl::string_view("\r\n\0", 3)) != absl::string_view::npos;
}

// Appends to `list`, leaving no copy of the line behind.
curl_slist* AppendLine(curl_slist* list, absl::string_view name, absl::string_view value) {
  // "Name;" is how curl is told to send a header without a value.
  std::string line = value.empty() ? absl::StrCat(name, ";") : absl::StrCat(name, ": ", value);
  curl_slist* longer = curl_slist_append(list, line.c_str());
  Wipe({reinterpret_cast<uint8_t*>(line.data()), line.size()});
  return longer == nullptr ? list : longer;
}

}  // namespace

absl::string_view AsyncHttpAnswer::Header(absl::string_view name) const {
  for (absl::string_view rest = head; !rest.empty();) {
    const absl::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        absl::EqualsIgnoreCase(line.substr(0, name.size()), name)) {
      return absl::StripAsciiWhitespace(line.substr(name.size() + 1));
    }
  }
  return "";
}

Transfer::~Transfer() {
  for (curl_slist* node = headers_; node != nullptr; node = node->next) {
    Wipe({reinterpret_cast<uint8_t*>(node->data), strlen(node->data)});
  }
  curl_slist_free_all(headers_);
}

absl::Status Transfer::Check(const AsyncHttpRequest& request) {
  const auto check = [](absl::string_view name, absl::string_view value) {
    if (!BreaksLine(name) && !BreaksLine(value) && name.find(':') == absl::string_view::npos) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat("header \"", absl::CHexEscape(name), "\" holds a line break or a zero byte"));
  };
  for (const auto& [name, value] : request.headers) FLOE_RETURN_IF_ERROR(check(name, value));
  for (const auto& [name, value] : request.secret_headers) {
    FLOE_RETURN_IF_ERROR(check(name, AsText(value->view())));
  }
  return absl::OkStatus();
}

absl::Status Transfer::StillWanted(SteadyTime now) const {
  if (request_.cancel.cancelled()) return absl::CancelledError("cancelled");
  if (request_.deadline != kNoDeadline && now >= request_.deadline) {
    return absl::DeadlineExceededError(
        absl::StrCat(DisplayUrl(request_.url), ": the deadline passed"));
  }
  return absl::OkStatus();
}

void Transfer::ConfigureTls(CURL* easy) const {
  if (request_.tls == nullptr) return;
  const TlsOptions& tls = *request_.tls;
  if (tls.skip_verify) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!tls.authorities.empty()) {
    curl_blob blob{const_cast<char*>(tls.authorities.data()), tls.authorities.size(),
                   CURL_BLOB_NOCOPY};
    curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (!tls.client_certificate.empty()) {
    const std::string& key = tls.client_key.empty() ? tls.client_certificate : tls.client_key;
    curl_easy_setopt(easy, CURLOPT_SSLCERT, tls.client_certificate.c_str());
    curl_easy_setopt(easy, CURLOPT_SSLKEY, key.c_str());
  }
}

void Transfer::AddHeaders(CURL* easy) {
  // Without these curl adds its own.
  headers_ =
      curl_slist_append(headers_, request_.expect_continue ? "Expect: 100-continue" : "Expect:");
  headers_ = curl_slist_append(headers_, "Accept:");
  bool has_type = false;
  for (const auto& [name, value] : request_.headers) {
    has_type = has_type || absl::EqualsIgnoreCase(name, "Content-Type");
    headers_ = AppendLine(headers_, name, value);
  }
  if (!has_type) headers_ = curl_slist_append(headers_, "Content-Type:");
  for (const auto& [name, value] : request_.secret_headers) {
    headers_ = AppendLine(headers_, name, AsText(value->view()));
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
}

void Transfer::ConfigureBody(CURL* easy) {
  if (request_.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  // PUT and POST always have a body, if an empty one: servers want its length.
  if (request_.body != nullptr || request_.method == "PUT" || request_.method == "POST") {
    const ByteView body = request_.BodyView();
    // Posted from where it lies: curl copies nothing.
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                     body.empty() ? "" : reinterpret_cast<const char*>(body.data()));
  }
  if (request_.method != "GET") {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
}

void Transfer::ConfigureTimes(CURL* easy, const AsyncHttpOptions& options) {
  stall_time_ = options.stall_time;
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, options.stall_bytes);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_time.count()));
  curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS,
                   static_cast<long>(options.continue_timeout.count()));
  if (request_.deadline == kNoDeadline) return;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(request_.deadline - Clock::Real().Now());
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(std::clamp<int64_t>(left.count(), 1, 1'000'000'000)));
}

void Transfer::Configure(CURL* easy, const AsyncHttpOptions& options) {
  easy_ = easy;
  curl_easy_setopt(easy, CURLOPT_URL, request_.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // Or else who gives up a transfer whose name is being resolved waits for the resolver's thread.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  // A name with dots such as ".." in it was signed as it is.
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  ConfigureBody(easy);
  ConfigureTimes(easy, options);
  ConfigureTls(easy);
  AddHeaders(easy);
}

size_t Transfer::TakeHeader(absl::string_view line) {
  const size_t taken = line.size();
  header_bytes_ += taken;
  if (header_bytes_ > kMaxAnswerHeaderBytes) return 0;
  line = absl::StripTrailingAsciiWhitespace(line);
  if (absl::StartsWith(line, "HTTP/")) {
    answer_.head.clear();  // what came before was an interim answer
    long code = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &code);
    answer_.status = static_cast<int>(code);
    if (code == 100) answer_.continued = true;
    return taken;
  }
  // Kept as they came: few are ever looked at.
  if (!line.empty()) absl::StrAppend(&answer_.head, line, "\n");
  return taken;
}

size_t Transfer::TakeBody(absl::string_view bytes) {
  Bytes& body = *answer_.body;
  if (!Succeeded()) {
    const size_t room = kMaxErrorBytes - std::min(body.size(), kMaxErrorBytes);
    const ByteView view = AsBytes(bytes.substr(0, room));
    body.insert(body.end(), view.begin(), view.end());
    return bytes.size();
  }
  if (first_) {
    first_ = false;
    curl_off_t length = -1;
    curl_easy_getinfo(easy_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    const auto announced = static_cast<uint64_t>(std::max<curl_off_t>(length, 0));
    too_long_ = announced > request_.max_answer_bytes;
    if (!too_long_) body.reserve(announced);
  }
  too_long_ = too_long_ || bytes.size() > request_.max_answer_bytes - body.size();
  if (too_long_) return 0;
  const ByteView view = AsBytes(bytes);
  body.insert(body.end(), view.begin(), view.end());
  return bytes.size();
}

absl::Status Transfer::Result(CURLcode code) const {
  if (code == CURLE_OK) return absl::OkStatus();
  // It refused before it took the whole body, and closed: the answer is there all the same.
  if (code == CURLE_SEND_ERROR && answer_.status >= 300) return absl::OkStatus();
  const std::string where = DisplayUrl(request_.url);
  if (too_long_) {
    return absl::DataLossError(
        absl::StrCat(where, ": it is longer than ", request_.max_answer_bytes, " bytes"));
  }
  const std::string text =
      absl::StrCat(where, ": ", error_[0] != '\0' ? error_ : curl_easy_strerror(code));
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(text);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      return absl::FailedPreconditionError(
          absl::StrCat(text, " (give the certificate of the server's authority)"));
    case CURLE_SSL_CONNECT_ERROR:
      return absl::UnavailableError(
          absl::StrCat(text, " (if the server speaks plain http, write http://)"));
    case CURLE_OPERATION_TIMEDOUT:
      if (request_.deadline != kNoDeadline && Clock::Real().Now() >= request_.deadline) {
        return absl::DeadlineExceededError(absl::StrCat(where, ": the deadline passed"));
      }
      return absl::UnavailableError(text);
    default:
      return absl::UnavailableError(text);
  }
}

void Transfer::Answer(const absl::Status& status) {
  // What it holds may be large, and the callback may keep us waiting.
  request_.body = nullptr;
  if (status.ok()) {
    done_(std::move(answer_));
  } else {
    done_(status);
  }
}

}  // namespace floe::net
