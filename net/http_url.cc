// SPDX-License-Identifier: Apache-2.0
#include <curl/curl.h>

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "net/http.h"

namespace floe::net {
namespace {

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using UrlPtr = std::unique_ptr<CURLU, UrlDeleter>;

// Null for anything but a whole http or https url.
UrlPtr Parse(const std::string& text) {
  UrlPtr url(curl_url());
  if (url == nullptr) return nullptr;
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return nullptr;
  return url;
}

std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* value = nullptr;
  if (curl_url_get(url, part, &value, flags) != CURLUE_OK) return "";
  std::string text(value);
  curl_free(value);
  return text;
}

bool IsHttp(CURLU* url) {
  const std::string scheme = Part(url, CURLUPART_SCHEME);
  return scheme == "http" || scheme == "https";
}

void PutEscaped(absl::string_view value, std::string& out) {
  static const char kHex[] = "0123456789ABCDEF";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::string_view("-._~").find(c) != absl::string_view::npos || isalnum(byte)) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
}

}  // namespace

std::string DisplayUrl(const std::string& text) {
  const UrlPtr url = Parse(text);
  if (url == nullptr) return "(malformed url)";
  const std::string port = Part(url.get(), CURLUPART_PORT);
  return absl::StrCat(Part(url.get(), CURLUPART_SCHEME), "://", Part(url.get(), CURLUPART_HOST),
                      port.empty() ? "" : ":", port, Part(url.get(), CURLUPART_PATH));
}

std::string OriginOf(const std::string& text) {
  const UrlPtr url = Parse(text);
  if (url == nullptr || !IsHttp(url.get())) return "";
  return absl::StrCat(Part(url.get(), CURLUPART_SCHEME), "://", Part(url.get(), CURLUPART_HOST),
                      ":", Part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

std::string ResolveUrl(const std::string& base, const std::string& location) {
  const UrlPtr url = Parse(base);
  if (url == nullptr || location.empty()) return "";
  // Setting a relative url on a handle that has one resolves it.
  if (curl_url_set(url.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK) return "";
  if (!IsHttp(url.get())) return "";
  return Part(url.get(), CURLUPART_URL);
}

std::string WithQuery(const std::string& url, absl::string_view name, absl::string_view value) {
  std::string result = url.substr(0, url.find('#'));
  result += absl::StrContains(result, "?") ? '&' : '?';
  PutEscaped(name, result);
  result += '=';
  PutEscaped(value, result);
  return result;
}

}  // namespace floe::net
