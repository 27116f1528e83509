// SPDX-License-Identifier: Apache-2.0
#include "fusefs/daemon/floe_mounts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace floe::fusefs {
namespace {

struct MountLine {
  uint64_t id = 0;
  std::string point;
  std::string type;
  std::string source;
  std::string options;
};

// "36 35 98:0 /root /point opts shared:1 - type source superopts"
std::vector<MountLine> Parse(absl::string_view mountinfo) {
  std::vector<MountLine> mounts;
  for (const absl::string_view line : absl::StrSplit(mountinfo, '\n')) {
    const std::vector<absl::string_view> sides = absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    if (sides.size() != 2) continue;
    const std::vector<absl::string_view> left = absl::StrSplit(sides[0], ' ');
    const std::vector<absl::string_view> right = absl::StrSplit(sides[1], ' ');
    MountLine mount;
    if (left.size() < 6 || right.size() < 3 || !absl::SimpleAtoi(left[0], &mount.id)) continue;
    mount.point = std::string(left[4]);
    mount.type = std::string(right[0]);
    mount.source = std::string(right[1]);
    mount.options = std::string(right[2]);
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

// How mount/ names its sources.
bool IsOurs(const MountLine& mount) {
  if (absl::StartsWith(mount.type, "fuse")) return mount.source == "floe";
  return mount.type == "erofs" && absl::StartsWith(mount.source, "/proc/self/fd/");
}

bool StandsOnOurs(const MountLine& overlay, const std::vector<MountLine>& mounts) {
  for (const absl::string_view option : absl::StrSplit(overlay.options, ',')) {
    if (!absl::StartsWith(option, "lowerdir")) continue;
    const absl::string_view lowers = option.substr(option.find('=') + 1);
    for (const absl::string_view lower : absl::StrSplit(lowers, ':')) {
      for (const MountLine& mount : mounts) {
        if (IsOurs(mount) && mount.point.size() > 1 && absl::StartsWith(lower, mount.point)) {
          return true;
        }
      }
    }
  }
  return false;
}

absl::StatusOr<uint64_t> MountIdOf(std::string path) {
  while (true) {
    struct statx st;
    if (statx(AT_FDCWD, path.c_str(), AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) == 0) {
      return st.stx_mnt_id;
    }
    const size_t slash = path.rfind('/');
    if (errno != ENOENT || slash == std::string::npos || path == "/") {
      return ErrnoStatus(errno, absl::StrCat("statx ", path));
    }
    path = slash == 0 ? "/" : path.substr(0, slash);
  }
}

}  // namespace

bool IsFloeMount(absl::string_view mountinfo, uint64_t id) {
  const std::vector<MountLine> mounts = Parse(mountinfo);
  for (const MountLine& mount : mounts) {
    if (mount.id != id) continue;
    return IsOurs(mount) || (mount.type == "overlay" && StandsOnOurs(mount, mounts));
  }
  return false;
}

absl::Status RefuseFloeMount(const std::string& path, absl::string_view what) {
  FLOE_ASSIGN_OR_RETURN(const uint64_t id, MountIdOf(path));
  std::ifstream file("/proc/self/mountinfo");
  std::stringstream text;
  text << file.rdbuf();
  if (!IsFloeMount(text.str(), id)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(what, " ", path,
                   " is on a file system that floe serves, so floe would wait for itself: move it "
                   "to an ordinary file system"));
}

}  // namespace floe::fusefs
