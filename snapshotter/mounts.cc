// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/mounts.h"

#include <unistd.h>

#include <cstdint>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace floe::snapshotter {
namespace {

std::vector<Mount> Bind(const std::string& source, const char* access) {
  return {{"bind", source, "", {access, "rbind"}}};
}

// The initial user namespace maps everything onto itself.
bool InUserNamespace() {
  std::ifstream map("/proc/self/uid_map");
  uint64_t container = 0, host = 0, length = 0;
  if (!(map >> container >> host >> length)) return false;
  return container != 0 || host != 0 || length != UINT32_MAX;
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
