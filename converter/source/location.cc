// SPDX-License-Identifier: Apache-2.0
#include "converter/source/location.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace floe::converter {
namespace {

struct Scheme {
  const char* prefix;
  Transport transport;
  bool has_path;  // PATH[:REFERENCE], else REFERENCE
};
constexpr Scheme kSchemes[] = {
    {"docker://", Transport::kRegistry, false},
    {"containerd://", Transport::kContainerd, false},
    {"oci:", Transport::kOciLayout, true},
    {"oci-archive:", Transport::kOciArchive, true},
    {"docker-archive:", Transport::kDockerArchive, true},
};

absl::Status RefuseLocation(absl::string_view text, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text, "\": ", reason,
      "; write docker://REF, containerd://REF, oci:DIR[:TAG], oci-archive:FILE[:TAG] or "
      "docker-archive:FILE[:REF]"));
}

// A name goes into JSON documents and onto terminals; no transport has names of other bytes.
bool IsName(absl::string_view reference) {
  return std::all_of(reference.begin(), reference.end(),
                     [](char c) { return c >= ' ' && c <= '~'; });
}

absl::StatusOr<ImageLocation> ParsePath(absl::string_view text, const Scheme& scheme,
                                        absl::string_view rest) {
  ImageLocation location;
  location.transport = scheme.transport;
  const size_t colon = rest.find(':');
  location.path = std::string(rest.substr(0, colon));
  if (location.path.empty()) return RefuseLocation(text, "the path is missing");
  if (colon == absl::string_view::npos) return location;
  location.reference = std::string(rest.substr(colon + 1));
  if (location.reference.empty())
    return RefuseLocation(text, "nothing follows the colon after the path");
  if (!IsName(location.reference)) {
    return RefuseLocation(scheme.prefix, "the name after the path has characters beyond ASCII");
  }
  return location;
}

}  // namespace

std::string ImageLocation::ToString() const {
  for (const Scheme& scheme : kSchemes) {
    if (scheme.transport != transport) continue;
    if (!scheme.has_path) return absl::StrCat(scheme.prefix, reference);
    return absl::StrCat(scheme.prefix, path, reference.empty() ? "" : ":", reference);
  }
  return reference;
}

absl::StatusOr<ImageLocation> ParseLocation(absl::string_view text) {
  if (text.empty()) return RefuseLocation(text, "the name of an image is missing");
  if (text.find('\0') != absl::string_view::npos)
    return RefuseLocation("...", "it holds a zero byte");
  for (const Scheme& scheme : kSchemes) {
    absl::string_view rest = text;
    if (!absl::ConsumePrefix(&rest, scheme.prefix)) continue;
    if (scheme.has_path) return ParsePath(text, scheme, rest);
    if (rest.empty()) return RefuseLocation(text, "the reference is missing");
    return ImageLocation{scheme.transport, "", std::string(rest)};
  }
  const size_t scheme_end = text.find("://");
  if (scheme_end != absl::string_view::npos) {
    return RefuseLocation(text,
                          absl::StrCat("floe knows no \"", text.substr(0, scheme_end), "://\""));
  }
  for (const char* known : {"dir:", "docker-daemon:", "containers-storage:", "tarball:"}) {
    if (absl::StartsWith(text, known)) {
      return RefuseLocation(text, absl::StrCat("floe does not read \"", known, "\""));
    }
  }
  return ImageLocation{Transport::kRegistry, "", std::string(text)};
}

}  // namespace floe::converter
