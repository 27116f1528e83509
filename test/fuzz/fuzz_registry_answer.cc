// SPDX-License-Identifier: Apache-2.0
// room: converter
// What comes from registries and from what people wrote about them: challenges, token answers,
// ranges, locations, hosts.toml, references and locations of images.
#include <cstdlib>
#include <string>

#include "converter/source/location.h"
#include "net/http.h"
#include "registry/authorizer.h"
#include "registry/blob_stream.h"
#include "registry/blob_upload.h"
#include "registry/challenge.h"
#include "registry/hosts_toml.h"
#include "registry/reference.h"
#include "registry/retry.h"

namespace floe::registry {
namespace {

void Check(bool holds) {
  if (!holds) abort();
}

void References(absl::string_view text) {
  const auto reference = ParseReference(text);
  if (reference.ok()) {
    const std::string again = reference->ToString();
    const auto second = ParseReference(again);
    Check(second.ok() && second->ToString() == again);
    // It becomes part of urls and header lines.
    Check(again.find_first_of(" \r\n?#%\\\"") == std::string::npos);
    (void)IsLocalhost(reference->host);
  }
  const auto location = converter::ParseLocation(text);
  if (location.ok()) {
    const auto second = converter::ParseLocation(location->ToString());
    Check(second.ok() && second->ToString() == location->ToString());
  }
}

void Headers(absl::string_view text) {
  (void)ParseChallenges(text);
  (void)ParseRetryAfter(std::string(text), SystemTime());
  (void)ParseContentRangeStart(text);
  (void)ParseUploadRange(text);
  const std::string url(text.substr(0, text.find('\0')));
  (void)net::DisplayUrl(url);
  const std::string next = net::ResolveUrl("https://registry.test/v2/a/blobs/x?y", url);
  Check(next.empty() || !net::OriginOf(next).empty());
}

void Token(ByteView text) {
  const auto token = ParseTokenAnswer(text);
  if (!token.ok()) return;
  for (const uint8_t byte : token->token.view()) Check(byte > ' ' && byte <= '~');
}

}  // namespace
}  // namespace floe::registry

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace floe::registry;
  if (size == 0) return 0;
  const floe::ByteView rest(data + 1, size - 1);
  const absl::string_view text = floe::AsText(rest);
  switch (data[0] % 4) {
    case 0:
      References(text);
      break;
    case 1:
      Headers(text);
      break;
    case 2:
      Token(rest);
      break;
    default:
      (void)ParseHostsToml(text, "/d");
  }
  return 0;
}
