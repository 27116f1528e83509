// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/diff/layer_pair.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace floe::snapshotter {
namespace {

absl::Status NotOurs(absl::string_view why) {
  return absl::UnimplementedError(absl::StrCat("floe compares only its own layers: ", why));
}

std::string Option(const Mount& mount, absl::string_view name) {
  for (absl::string_view option : mount.options) {
    if (absl::ConsumePrefix(&option, name)) return std::string(option);
  }
  return "";
}

// Nearest first.
absl::StatusOr<std::vector<std::string>> LayersOf(const std::vector<Mount>& mounts) {
  std::vector<std::string> layers;
  if (mounts.empty()) return layers;
  if (mounts.size() > 1) return NotOurs("more than one mount");
  const Mount& mount = mounts[0];
  if (!mount.target.empty()) return NotOurs("a mount below the root");
  if (mount.type == "bind") return std::vector<std::string>{mount.source};
  if (mount.type != "overlay") return NotOurs(absl::StrCat("a mount of type ", mount.type));
  const std::string upper = Option(mount, "upperdir=");
  if (!upper.empty()) layers.push_back(upper);
  const std::string lowers = Option(mount, "lowerdir=");
  for (const absl::string_view lower : absl::StrSplit(lowers, ':', absl::SkipEmpty())) {
    layers.emplace_back(lower);
  }
  return layers;
}

// <snapshots>/<digits>/fs
bool IsLayerDirectory(absl::string_view path, absl::string_view snapshots) {
  if (!absl::ConsumePrefix(&path, snapshots) || !absl::ConsumePrefix(&path, "/") ||
      !absl::ConsumeSuffix(&path, "/fs")) {
    return false;
  }
  return !path.empty() && std::all_of(path.begin(), path.end(), absl::ascii_isdigit);
}

}  // namespace

absl::StatusOr<std::string> LayerBetween(const std::vector<Mount>& left,
                                         const std::vector<Mount>& right,
                                         const std::string& snapshots) {
  FLOE_ASSIGN_OR_RETURN(const auto below, LayersOf(left));
  FLOE_ASSIGN_OR_RETURN(const auto layers, LayersOf(right));
  if (layers.empty() || !IsLayerDirectory(layers[0], snapshots)) {
    return NotOurs("the right side is no snapshot of an ordinary layer");
  }
  if (!std::equal(layers.begin() + 1, layers.end(), below.begin(), below.end())) {
    return NotOurs("the left side is not what the right side stands on");
  }
  return layers[0];
}

}  // namespace floe::snapshotter
