// SPDX-License-Identifier: Apache-2.0
#include "oci/platform.h"

#include <sys/utsname.h>

#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace floe::oci {
namespace {

bool IsKnownOs(const std::string& os) {
  static const std::set<std::string> known = {"linux",   "windows", "darwin", "freebsd", "netbsd",
                                              "openbsd", "solaris", "plan9",  "aix",     "android"};
  return known.count(os) > 0;
}

bool IsWord(absl::string_view word) {
  if (word.empty() || word.size() > 64 ||
      !absl::ascii_isalnum(static_cast<unsigned char>(word[0]))) {
    return false;
  }
  for (const char c : word) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-' && c != '.') {
      return false;
    }
  }
  return true;
}

// The number of "v7"; -1 for anything else.
int ArmVersion(const std::string& variant) {
  if (variant.size() == 2 && variant[0] == 'v' && absl::ascii_isdigit(variant[1])) {
    return variant[1] - '0';
  }
  return -1;
}

}  // namespace

std::string Platform::ToString() const {
  return variant.empty() ? absl::StrCat(os, "/", architecture)
                         : absl::StrCat(os, "/", architecture, "/", variant);
}

Platform Normalized(Platform platform) {
  platform.os = absl::AsciiStrToLower(platform.os);
  platform.architecture = absl::AsciiStrToLower(platform.architecture);
  platform.variant = absl::AsciiStrToLower(platform.variant);
  if (platform.os == "macos") platform.os = "darwin";
  std::string& arch = platform.architecture;
  if (arch == "i386" || arch == "i686") arch = "386";
  if (arch == "x86_64" || arch == "x86-64") arch = "amd64";
  if (arch == "aarch64") arch = "arm64";
  if (arch == "armhf" || arch == "armv7l") arch = "arm", platform.variant = "v7";
  if (arch == "armel" || arch == "armv6l") arch = "arm", platform.variant = "v6";
  if (arch == "amd64" && platform.variant == "v1") platform.variant.clear();
  if (arch == "arm64" && (platform.variant == "8" || platform.variant == "v8")) {
    platform.variant.clear();
  }
  if (arch == "arm") {
    if (platform.variant.empty()) platform.variant = "v7";
    if (platform.variant.size() == 1) platform.variant = absl::StrCat("v", platform.variant);
  }
  return platform;
}

Platform HostPlatform() {
  struct utsname name {};
  uname(&name);
  return Normalized({"linux", name.machine, "", ""});
}

absl::StatusOr<Platform> ParsePlatform(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  bool words = parts.size() <= 3;
  for (const std::string& part : parts) words = words && IsWord(part);
  if (!words) {
    return absl::InvalidArgumentError(absl::StrCat(
        "platform \"", text, "\" is not of the form os/architecture[/variant], as in linux/amd64"));
  }
  if (parts.size() > 1) {
    return Normalized({parts[0], parts[1], parts.size() == 3 ? parts[2] : "", ""});
  }
  Platform platform = HostPlatform();
  const std::string word = absl::AsciiStrToLower(parts[0]);
  if (IsKnownOs(word) || word == "macos") {
    platform.os = word;
    return Normalized(platform);
  }
  return Normalized({platform.os, word, "", ""});
}

int PlatformDistance(const Platform& wanted, const Platform& offered) {
  const Platform want = Normalized(wanted);
  const Platform offer = Normalized(offered);
  if (want.os != offer.os || want.architecture != offer.architecture) return -1;
  if (want.variant == offer.variant) return 0;
  if (want.architecture == "arm") {
    const int have = ArmVersion(want.variant);
    const int need = ArmVersion(offer.variant);
    return need < 5 || need > have ? -1 : have - need;
  }
  // amd64/v3 machines run plain amd64; the other way round nobody promised.
  return offer.variant.empty() ? 1 : -1;
}

}  // namespace floe::oci
