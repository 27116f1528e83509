// SPDX-License-Identifier: Apache-2.0
#include "store/s3/sigv4.h"

#include <algorithm>
#include <cstring>
#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

constexpr absl::string_view kAlgorithm = "AWS4-HMAC-SHA256";

// Without space around, runs of spaces as one.
std::string TrimmedValue(absl::string_view value) {
  std::string out;
  for (const char c : absl::StripAsciiWhitespace(value)) {
    if (c == ' ' && !out.empty() && out.back() == ' ') continue;
    out.push_back(c);
  }
  return out;
}

constexpr char kTokenHeader[] = "x-amz-security-token";

// Names in lower case, ascending; values trimmed. The token's value is left out.
NameValues SortedHeaders(const RequestToSign& request) {
  NameValues sorted;
  sorted.reserve(request.headers.size() + 1);
  for (const auto& [name, value] : request.headers) {
    sorted.emplace_back(absl::AsciiStrToLower(name), TrimmedValue(value));
  }
  if (request.session_token != nullptr) sorted.emplace_back(kTokenHeader, "");
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 1; i < sorted.size();) {
    if (sorted[i].first != sorted[i - 1].first) {
      ++i;
      continue;
    }
    // The same name again: its values in one line.
    absl::StrAppend(&sorted[i - 1].second, ",", sorted[i].second);
    sorted.erase(sorted.begin() + static_cast<ptrdiff_t>(i));
  }
  return sorted;
}

// Hashed piece by piece, so that the token is never copied.
Sha256Digest CanonicalHash(const RequestToSign& request, const NameValues& headers,
                           absl::string_view names) {
  Sha256Hasher hash;
  const auto add = [&hash](absl::string_view text) { hash.Update(AsBytes(text)); };
  add(absl::StrCat(request.method, "\n", UriEncode(request.path, true), "\n",
                   CanonicalQuery(request.query), "\n"));
  for (const auto& [name, value] : headers) {
    add(absl::StrCat(name, ":"));
    if (request.session_token != nullptr && name == kTokenHeader) {
      hash.Update(request.session_token->view());
    } else {
      add(value);
    }
    add("\n");
  }
  add(absl::StrCat("\n", names, "\n", request.payload_sha256));
  return hash.Finish();
}

}  // namespace

std::string UriEncode(absl::string_view text, bool keep_slash) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~' ||
        (c == '/' && keep_slash)) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

std::string CanonicalQuery(const NameValues& query) {
  NameValues encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query) {
    encoded.emplace_back(UriEncode(name, false), UriEncode(value, false));
  }
  std::sort(encoded.begin(), encoded.end());
  return absl::StrJoin(encoded, "&", absl::PairFormatter("="));
}

std::string AmzDate(SystemTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  const size_t length = std::strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &parts);
  return {text, length};
}

Secret DeriveSigningKey(const Secret& secret_access_key, absl::string_view amz_date,
                        const SigningScope& scope) {
  constexpr absl::string_view kPrefix = "AWS4";
  Secret key(kPrefix.size() + secret_access_key.size());
  std::memcpy(key.mutable_view().data(), kPrefix.data(), kPrefix.size());
  std::copy(secret_access_key.view().begin(), secret_access_key.view().end(),
            key.mutable_view().begin() + kPrefix.size());
  const absl::string_view day = amz_date.substr(0, 8);
  for (const absl::string_view part :
       {day, absl::string_view(scope.region), absl::string_view(scope.service),
        absl::string_view("aws4_request")}) {
    Sha256Digest next = HmacSha256(key.view(), AsBytes(part));
    key = Secret::Copy(next);
    Wipe(next);
  }
  return key;
}

std::string Authorization(const RequestToSign& request, absl::string_view access_key_id,
                          const Secret& signing_key, absl::string_view amz_date,
                          const SigningScope& scope) {
  const NameValues headers = SortedHeaders(request);
  const std::string names = absl::StrJoin(
      headers, ";", [](std::string* out, const auto& header) { out->append(header.first); });
  const std::string place =
      absl::StrCat(amz_date.substr(0, 8), "/", scope.region, "/", scope.service, "/aws4_request");
  const std::string to_sign = absl::StrCat(kAlgorithm, "\n", amz_date, "\n", place, "\n",
                                           ToHex(CanonicalHash(request, headers, names)));
  return absl::StrCat(kAlgorithm, " Credential=", access_key_id, "/", place,
                      ", SignedHeaders=", names,
                      ", Signature=", ToHex(HmacSha256(signing_key.view(), AsBytes(to_sign))));
}

}  // namespace floe::store
