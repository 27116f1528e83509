// SPDX-License-Identifier: Apache-2.0
#include "cli/ctr_arguments.h"

#include <set>

#include "absl/strings/str_cat.h"

namespace floe::cli {
namespace {

using Arguments = std::vector<std::string>;

// "-platform" -> "--platform", as Go's flags take both; "-n" stays.
std::string WithTwoDashes(const std::string& flag) {
  const size_t name_end = flag.find('=');
  const bool single = flag.size() > 2 && flag[0] == '-' && flag[1] != '-';
  const bool is_long = name_end == std::string::npos ? flag.size() > 2 : name_end > 2;
  return single && is_long ? "-" + flag : flag;
}

struct Flag {
  std::string name;                  // "--address"
  std::optional<std::string> value;  // after '='
};

Flag Split(const std::string& argument) {
  const std::string flag = WithTwoDashes(argument);
  const size_t equals = flag.find('=');
  if (equals == std::string::npos) return {flag, std::nullopt};
  return {flag.substr(0, equals), flag.substr(equals + 1)};
}

// ctr's global flags, consumed from `at` on. False when the call is not for floe.
bool TakeGlobalFlags(const Arguments& arguments, size_t& at, Arguments& floe) {
  static const std::set<std::string> kWithValue = {"--address", "-a",        "--namespace",
                                                   "-n",        "--timeout", "--connect-timeout"};
  for (; at < arguments.size() && arguments[at].rfind('-', 0) == 0; ++at) {
    Flag flag = Split(arguments[at]);
    if (flag.name == "--debug") {
      if (!flag.value || *flag.value == "true") floe.insert(floe.end(), {"--log-level", "debug"});
      continue;
    }
    if (!kWithValue.contains(flag.name)) return false;  // --help, --version, or unknown: ctr's own
    if (!flag.value) {
      if (++at >= arguments.size()) return false;
      flag.value = arguments[at];
    }
    if (flag.name == "--address" || flag.name == "-a") {
      floe.insert(floe.end(), {"--address", *flag.value});
    } else if (flag.name == "--namespace" || flag.name == "-n") {
      floe.insert(floe.end(), {"--namespace", *flag.value});
    }  // The timeouts bound single calls of ctr's; floe has its own.
  }
  return true;
}

absl::Status AddConvertFlag(const std::string& argument, Arguments& floe) {
  const Flag flag = Split(argument);
  if (flag.name == "--oci") return absl::OkStatus();  // the result always is
  static const std::set<std::string> kForeign = {"--uncompress", "--estargz", "--overlaybd",
                                                 "--nydus", "--zstdchunked"};
  if (kForeign.contains(flag.name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        flag.name, " asks for another conversion than floe's; use ctr images convert for it"));
  }
  floe.push_back(WithTwoDashes(argument));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<Arguments>> FloeArgumentsOfCtr(const Arguments& arguments) {
  Arguments floe = {"convert"};
  size_t at = 0;
  if (!TakeGlobalFlags(arguments, at, floe)) return std::nullopt;
  static const std::set<std::string> kImages = {"images", "image", "i"};
  if (at + 1 >= arguments.size() || !kImages.contains(arguments[at]) ||
      arguments[at + 1] != "convert") {
    return std::nullopt;
  }
  for (at += 2; at < arguments.size(); ++at) {
    FLOE_RETURN_IF_ERROR(AddConvertFlag(arguments[at], floe));
  }
  return floe;
}

}  // namespace floe::cli
