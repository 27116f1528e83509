// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_address.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "store/origin/object_store.h"
#include "store/s3/sigv4.h"

namespace floe::store {
namespace {

template <typename E>
using Words = std::vector<std::pair<absl::string_view, E>>;

const Words<S3Style>& StyleWords() {
  static const Words<S3Style> words = {
      {"auto", S3Style::kAuto}, {"path", S3Style::kPath}, {"virtual", S3Style::kVirtual}};
  return words;
}

const Words<S3CredentialsKind>& CredentialsWords() {
  static const Words<S3CredentialsKind> words = {{"auto", S3CredentialsKind::kAuto},
                                                 {"environment", S3CredentialsKind::kEnvironment},
                                                 {"file", S3CredentialsKind::kFile},
                                                 {"instance", S3CredentialsKind::kInstance},
                                                 {"web-identity", S3CredentialsKind::kWebIdentity}};
  return words;
}

absl::Status BadAddress(absl::string_view address, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "store \"", address, "\": ", why,
      "; write s3://BUCKET[/PREFIX][?endpoint=URL&region=R&style=auto|path|virtual&profile=P&"
      "credentials=auto|environment|file|instance|web-identity&ca=FILE]"));
}

template <typename E>
bool FromWord(const Words<E>& words, absl::string_view word, E* out) {
  for (const auto& [text, value] : words) {
    if (text != word) continue;
    *out = value;
    return true;
  }
  return false;
}

template <typename E>
std::string ToWord(const Words<E>& words, E value) {
  for (const auto& [text, candidate] : words) {
    if (candidate == value) return std::string(text);
  }
  return "";
}

// nullopt for a malformed escape, and for control characters however they are written: nothing in
// an address needs them, and they would end up in headers and messages.
std::optional<std::string> PercentDecoded(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    int value = 0;
    if (i + 2 >= text.size() || !absl::ascii_isxdigit(text[i + 1]) ||
        !absl::ascii_isxdigit(text[i + 2]) || !absl::SimpleHexAtoi(text.substr(i + 1, 2), &value) ||
        value == 0) {
      return std::nullopt;
    }
    out.push_back(static_cast<char>(value));
    i += 2;
  }
  if (std::any_of(out.begin(), out.end(), absl::ascii_iscntrl)) return std::nullopt;
  return out;
}

bool IsBucketName(absl::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  for (const char c : name) {
    if (!absl::ascii_isalnum(c) && c != '-' && c != '.' && c != '_') return false;
  }
  return absl::ascii_isalnum(name.front()) && absl::ascii_isalnum(name.back()) &&
         !absl::StrContains(name, "..");
}

// "https://host[:port]" as requests name it: without the scheme's own port and a last slash.
std::optional<std::string> NormalEndpoint(absl::string_view url) {
  const bool https = absl::StartsWith(url, "https://");
  absl::string_view host = url;
  if (!absl::ConsumePrefix(&host, "https://") && !absl::ConsumePrefix(&host, "http://")) {
    return std::nullopt;
  }
  absl::ConsumeSuffix(&host, "/");
  absl::ConsumeSuffix(&host, https ? ":443" : ":80");
  if (host.empty()) return std::nullopt;
  for (const char c : host) {
    if (!absl::ascii_isalnum(c) && absl::string_view("-._:[]").find(c) == absl::string_view::npos) {
      return std::nullopt;
    }
  }
  return absl::StrCat(https ? "https://" : "http://", absl::AsciiStrToLower(host));
}

bool IsRegion(absl::string_view region) {
  for (const char c : region) {
    if (!absl::ascii_isalnum(c) && c != '-' && c != '_') return false;
  }
  return region.size() <= 64;
}

// "" when `name=value` is understood, else why not.
std::string TakeOption(absl::string_view name, const std::string& value, S3Address& out) {
  if (name == "endpoint") {
    const std::optional<std::string> endpoint = NormalEndpoint(value);
    if (!endpoint) return "the endpoint must be http://HOST[:PORT] or https://HOST[:PORT]";
    out.endpoint = *endpoint;
  } else if (name == "region") {
    if (!IsRegion(value)) return "that is no region's name";
    out.region = value;
  } else if (name == "style") {
    if (!FromWord(StyleWords(), value, &out.style)) return "style is auto, path or virtual";
  } else if (name == "profile") {
    out.profile = value;
  } else if (name == "credentials") {
    if (!FromWord(CredentialsWords(), value, &out.credentials)) {
      return "credentials is auto, environment, file, instance or web-identity";
    }
  } else if (name == "ca") {
    if (value.empty() || value[0] != '/') return "ca is the absolute path of a file";
    out.ca_file = value;
  } else {
    return absl::StrCat("there is no option \"", name, "\"");
  }
  return "";
}

std::string DecodedOption(absl::string_view option, S3Address& out) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(option, absl::MaxSplits('=', 1));
  const std::optional<std::string> value = PercentDecoded(parts.second);
  if (!value) return "a malformed % escape, or a control character";
  return TakeOption(parts.first, *value, out);
}

}  // namespace

bool IsS3Address(absl::string_view address) { return absl::StartsWith(address, kS3Scheme); }

absl::StatusOr<S3Address> ParseS3Address(absl::string_view address) {
  absl::string_view rest = address;
  if (!absl::ConsumePrefix(&rest, kS3Scheme)) return BadAddress(address, "no address of S3");
  const size_t question = rest.find('?');
  const absl::string_view place = rest.substr(0, question);
  if (absl::StrContains(place, '@')) {
    // Not repeated: it may be a secret.
    return BadAddress("s3://...@...", "keys are never part of an address");
  }
  S3Address out;
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(place, absl::MaxSplits('/', 1));
  out.bucket = std::string(parts.first);
  out.prefix = std::string(absl::StripSuffix(parts.second, "/"));
  if (!IsBucketName(out.bucket)) {
    return BadAddress(address, absl::StrCat("\"", out.bucket, "\" is no bucket's name"));
  }
  if (!out.prefix.empty() && (!CheckObjectName(out.prefix).ok() || out.prefix.size() > 300)) {
    return BadAddress(address, "the prefix must be parts of letters, digits, '-', '_' and '.'");
  }
  if (question == absl::string_view::npos) return out;
  for (const absl::string_view option : absl::StrSplit(rest.substr(question + 1), '&')) {
    const std::string wrong = DecodedOption(option, out);
    if (!wrong.empty()) return BadAddress(address, wrong);
  }
  return out;
}

std::string S3Address::ToString() const {
  std::string text = absl::StrCat(kS3Scheme, bucket, prefix.empty() ? "" : "/", prefix);
  char separator = '?';
  const auto add = [&](absl::string_view name, absl::string_view value) {
    if (value.empty()) return;
    text.push_back(separator);
    // A path and a host stay readable.
    std::string encoded;
    for (const char c : value) {
      const bool plain = absl::ascii_isalnum(c) || absl::StrContains("-_.~/:[]", c);
      absl::StrAppend(&encoded,
                      plain ? std::string(1, c) : UriEncode(absl::string_view(&c, 1), false));
    }
    absl::StrAppend(&text, name, "=", encoded);
    separator = '&';
  };
  add("endpoint", endpoint);
  add("region", region);
  if (style != S3Style::kAuto) add("style", ToWord(StyleWords(), style));
  add("profile", profile);
  if (credentials != S3CredentialsKind::kAuto) {
    add("credentials", ToWord(CredentialsWords(), credentials));
  }
  add("ca", ca_file);
  return text;
}

S3Place PlaceOf(const S3Address& address, const std::string& region) {
  const bool china = absl::StartsWith(region, "cn-");
  const std::string endpoint =
      address.endpoint.empty()
          ? absl::StrCat("https://s3.", region, ".amazonaws.com", china ? ".cn" : "")
          : address.endpoint;
  const size_t host_at = endpoint.find("://") + 3;
  const std::string scheme = endpoint.substr(0, host_at);
  const std::string host = endpoint.substr(host_at);
  bool is_virtual = address.style == S3Style::kVirtual;
  if (address.style == S3Style::kAuto) {
    // AWS wants its buckets as hosts; but a wildcard certificate covers no dots.
    is_virtual = address.endpoint.empty() && !absl::StrContains(address.bucket, '.');
  }
  if (is_virtual) {
    return {absl::StrCat(scheme, address.bucket, ".", host),
            absl::StrCat(address.bucket, ".", host), "/"};
  }
  return {endpoint, host, absl::StrCat("/", address.bucket, "/")};
}

}  // namespace floe::store
