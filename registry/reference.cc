// SPDX-License-Identifier: Apache-2.0
#include "registry/reference.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "oci/digest.h"

namespace floe::registry {
namespace {

constexpr char kDockerHub[] = "docker.io";
constexpr size_t kMaxNameBytes = 255;
constexpr size_t kMaxTagBytes = 128;

bool IsLowerAlnum(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }

// [a-z0-9]+ with ".", "_", "__" or any number of "-" between.
bool IsPathComponent(absl::string_view part) {
  if (part.empty() || !IsLowerAlnum(part.front()) || !IsLowerAlnum(part.back())) return false;
  for (size_t i = 0; i < part.size();) {
    if (IsLowerAlnum(part[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < part.size() && !IsLowerAlnum(part[end])) ++end;
    const absl::string_view between = part.substr(i, end - i);
    const bool dashes = between.find_first_not_of('-') == absl::string_view::npos;
    if (between != "." && between != "_" && between != "__" && !dashes) return false;
    i = end;
  }
  return true;
}

bool IsTag(absl::string_view tag) {
  if (tag.empty() || tag.size() > kMaxTagBytes || tag[0] == '.' || tag[0] == '-') return false;
  return std::all_of(tag.begin(), tag.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '-';
  });
}

bool IsPort(absl::string_view port) {
  return !port.empty() && port.size() <= 5 &&
         std::all_of(port.begin(), port.end(),
                     [](unsigned char c) { return absl::ascii_isdigit(c); });
}

bool IsHost(absl::string_view host) {
  absl::string_view name = host;
  if (absl::StartsWith(host, "[")) {
    const size_t close = host.find(']');
    if (close == absl::string_view::npos) return false;
    const absl::string_view address = host.substr(1, close - 1);
    const absl::string_view rest = host.substr(close + 1);
    const bool hex = !address.empty() && address.find_first_not_of("0123456789abcdefABCDEF:.") ==
                                             absl::string_view::npos;
    return hex && (rest.empty() || (rest[0] == ':' && IsPort(rest.substr(1))));
  }
  const size_t colon = host.find(':');
  if (colon != absl::string_view::npos) {
    if (!IsPort(host.substr(colon + 1))) return false;
    name = host.substr(0, colon);
  }
  for (const absl::string_view label : absl::StrSplit(name, '.')) {
    if (label.empty() || label.front() == '-' || label.back() == '-') return false;
    for (const unsigned char c : label) {
      if (!absl::ascii_isalnum(c) && c != '-') return false;
    }
  }
  return true;
}

// Docker's rule for whether the first component names a host.
bool LooksLikeHost(absl::string_view first) {
  return first.find_first_of(".:[") != absl::string_view::npos || first == "localhost" ||
         std::any_of(first.begin(), first.end(),
                     [](unsigned char c) { return absl::ascii_isupper(c); });
}

absl::Status Refuse(absl::string_view text, absl::string_view reason) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" names no image: ", reason,
                   "; write HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:..."));
}

absl::Status CheckParts(absl::string_view text, const Reference& reference) {
  if (!IsHost(reference.host)) {
    return Refuse(text, absl::StrCat("\"", reference.host, "\" is no host"));
  }
  if (reference.repository.empty()) return Refuse(text, "the repository is missing");
  if (reference.host.size() + reference.repository.size() > kMaxNameBytes) {
    return Refuse(text, "it is longer than 255 characters");
  }
  for (const absl::string_view part : absl::StrSplit(reference.repository, '/')) {
    if (IsPathComponent(part)) continue;
    return Refuse(text, absl::StrCat("\"", part, "\" may not be part of a repository (lower-case ",
                                     "letters and digits with single . _ - between)"));
  }
  if (!reference.tag.empty() && !IsTag(reference.tag)) {
    return Refuse(text, absl::StrCat("\"", reference.tag, "\" is no tag"));
  }
  if (reference.digest.empty()) return absl::OkStatus();
  return oci::CheckDigest(reference.digest, text);
}

}  // namespace

std::string Reference::ToString() const {
  return absl::StrCat(host, "/", repository, tag.empty() ? "" : ":", tag, digest.empty() ? "" : "@",
                      digest);
}

absl::StatusOr<Reference> ParseReference(absl::string_view text) {
  if (text.size() > 1024) return Refuse(text.substr(0, 64), "it is far too long");
  Reference reference;
  absl::string_view rest = text;
  const size_t at = rest.find('@');
  if (at != absl::string_view::npos) {
    reference.digest = std::string(rest.substr(at + 1));
    if (reference.digest.empty()) return Refuse(text, "nothing follows the @");
    rest = rest.substr(0, at);
  }
  const size_t slash = rest.find('/');
  if (slash != absl::string_view::npos && LooksLikeHost(rest.substr(0, slash))) {
    reference.host = std::string(rest.substr(0, slash));
    rest = rest.substr(slash + 1);
  }
  const size_t colon = rest.rfind(':');
  if (colon != absl::string_view::npos) {
    reference.tag = std::string(rest.substr(colon + 1));
    if (reference.tag.empty()) return Refuse(text, "nothing follows the colon");
    rest = rest.substr(0, colon);
  }
  reference.repository = std::string(rest);
  if (reference.host.empty() || reference.host == "index.docker.io") reference.host = kDockerHub;
  if (reference.host == kDockerHub && !rest.empty() && !absl::StrContains(rest, "/")) {
    reference.repository = absl::StrCat("library/", rest);
  }
  if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";
  FLOE_RETURN_IF_ERROR(CheckParts(text, reference));
  return reference;
}

absl::string_view PortOf(absl::string_view host) {
  const size_t colon = host.rfind(':');
  if (colon == absl::string_view::npos || host.back() == ']') return "";
  return host.substr(colon + 1);
}

bool IsLocalhost(absl::string_view host) {
  const absl::string_view port = PortOf(host);
  if (!port.empty()) host = host.substr(0, host.size() - port.size() - 1);
  if (host == "localhost" || host == "[::1]") return true;
  const std::vector<absl::string_view> parts = absl::StrSplit(host, '.');
  if (parts.size() != 4 || parts[0] != "127") return false;
  return std::all_of(parts.begin(), parts.end(),
                     [](absl::string_view part) { return IsPort(part); });
}

}  // namespace floe::registry
