// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/mounts.h"

#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/file.h"

namespace floe::snapshotter {
namespace {

std::vector<Mount> Bind(const std::string& source, const char* access) {
  return {{"bind", source, "", {access, "rbind"}}};
}

// The initial user namespace maps everything onto itself.
bool InUserNamespace() {
  const auto map = ReadWholeFile("/proc/self/uid_map", 1 << 16);
  if (!map.ok() || map->empty()) return false;
  const std::vector<absl::string_view> words =
      absl::StrSplit(AsText(*map), absl::ByAnyChar(" \n\t"), absl::SkipEmpty());
  return words != std::vector<absl::string_view>{"0", "0", "4294967295"};
}

}  // namespace

std::vector<Mount> BuildMounts(const MountInputs& inputs) {
  const bool active = inputs.kind == Kind::kActive;
  if (inputs.lowers.empty()) return Bind(inputs.upper, active ? "rw" : "ro");
  if (!active && inputs.lowers.size() == 1) return Bind(inputs.lowers[0], "ro");
  Mount overlay{"overlay", "overlay", "", inputs.overlay_options};
  if (active) {
    overlay.options.push_back(absl::StrCat("workdir=", inputs.work));
    overlay.options.push_back(absl::StrCat("upperdir=", inputs.upper));
  }
  overlay.options.push_back(absl::StrCat("lowerdir=", absl::StrJoin(inputs.lowers, ":")));
  return {overlay};
}

std::vector<std::string> OverlayOptionsHere() {
  std::vector<std::string> options;
  if (access("/sys/module/overlay/parameters/index", F_OK) == 0) options.push_back("index=off");
  if (InUserNamespace()) options.push_back("userxattr");
  return options;
}

}  // namespace floe::snapshotter
