// SPDX-License-Identifier: Apache-2.0
#include "store/registry/address.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/config.h"

namespace floe::store {
namespace {

constexpr uint64_t kLeastPackBytes = 64 << 10;
constexpr uint64_t kMostPackBytes = 512 << 20;

absl::Status Wrong(const std::string& address, absl::string_view reason) {
  return absl::InvalidArgumentError(
      absl::StrCat("store \"", address, "\": ", reason,
                   "; write registry:HOST/REPOSITORY, with ?plain-http=true, ca=FILE, cert=FILE, "
                   "key=FILE, hosts=DIR, config=DIR or pack=SIZE behind it, joined by &"));
}

// A file or folder, which must not depend on where a program was started.
bool TakePath(absl::string_view value, std::string& path) {
  if (!absl::StartsWith(value, "/")) return false;
  path = std::string(value);
  return true;
}

bool TakeParameter(absl::string_view name, absl::string_view value, RegistryAddress& address) {
  registry::Options& options = address.options;
  if (name == "ca") return TakePath(value, options.ca_file);
  if (name == "cert") return TakePath(value, options.client_certificate);
  if (name == "key") return TakePath(value, options.client_key);
  if (name == "hosts") return TakePath(value, options.hosts_dir);
  if (name == "config") return TakePath(value, options.docker_config_dir);
  if (name == "plain-http") {
    options.plain_http = value == "true";
    return value == "true" || value == "false";
  }
  if (name != "pack") return false;
  const absl::StatusOr<uint64_t> size = ParseSize(value);
  address.pack_bytes = size.value_or(0);
  return address.pack_bytes >= kLeastPackBytes && address.pack_bytes <= kMostPackBytes;
}

}  // namespace

bool IsRegistryAddress(absl::string_view address) {
  return absl::StartsWith(address, kRegistryScheme);
}

absl::StatusOr<RegistryAddress> ParseRegistryAddress(const std::string& text) {
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, kRegistryScheme)) return Wrong(text, "not a registry's address");
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(rest, absl::MaxSplits('?', 1));
  RegistryAddress address;
  const size_t slash = parts.first.find('/');
  if (slash == absl::string_view::npos) return Wrong(text, "the repository is missing");
  if (parts.first.find('@') != absl::string_view::npos ||
      parts.first.substr(slash).find(':') != absl::string_view::npos) {
    return Wrong(text, "a store is a whole repository, without a tag or digest");
  }
  absl::StatusOr<registry::Reference> reference = registry::ParseReference(parts.first);
  if (!reference.ok()) return Wrong(text, reference.status().message());
  address.repository = *std::move(reference);
  // What floe writes on its own behalf should fail within a conversion's patience, not an hour.
  address.options.max_pause = std::chrono::seconds(10);
  for (const absl::string_view parameter : absl::StrSplit(parts.second, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(parameter, absl::MaxSplits('=', 1));
    if (!TakeParameter(pair.first, pair.second, address)) {
      return Wrong(text, absl::StrCat("\"", parameter, "\" is none of its settings"));
    }
  }
  return address;
}

}  // namespace floe::store
