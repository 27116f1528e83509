// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/diff/layer_walk.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "snapshotter/tree_walk.h"

namespace floe::snapshotter {
namespace {

constexpr char kWhiteoutPrefix[] = ".wh.";
constexpr char kOpaqueName[] = ".wh..wh..opq";

// A path to an entry that no link can divert and no depth can make too long.
std::string ProcPath(const TreeEntry& entry) {
  return absl::StrCat("/proc/self/fd/", entry.directory, "/", entry.name);
}

absl::StatusOr<std::vector<std::string>> XattrNames(const std::string& path) {
  for (size_t size = 4096;; size *= 2) {
    std::string names(size, '\0');
    const ssize_t length = llistxattr(path.c_str(), names.data(), names.size());
    if (length >= 0) {
      names.resize(static_cast<size_t>(length));
      return std::vector<std::string>(absl::StrSplit(names, '\0', absl::SkipEmpty()));
    }
    if (errno == ENOTSUP || errno == ENOENT) return std::vector<std::string>();
    if (errno != ERANGE || size > (1 << 20)) return ErrnoStatus(errno, "list xattrs");
  }
}

absl::StatusOr<std::string> XattrValue(const std::string& path, const std::string& name) {
  std::string value(65536, '\0');  // the kernel's limit
  const ssize_t length = lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
  if (length < 0) return ErrnoStatus(errno, absl::StrCat("read xattr ", name));
  value.resize(static_cast<size_t>(length));
  return value;
}

// What a layer carries; trusted.* and the host's security labels never leave the machine.
bool Travels(absl::string_view name) {
  return name == "security.capability" ||
         (absl::StartsWith(name, "user.") && !absl::StartsWith(name, "user.overlay."));
}

absl::StatusOr<std::string> SymlinkTarget(const TreeEntry& entry) {
  std::string target(4096, '\0');
  const ssize_t length =
      readlinkat(entry.directory, entry.name.c_str(), target.data(), target.size());
  if (length < 0) return ErrnoStatus(errno, absl::StrCat("readlink ", entry.path));
  target.resize(static_cast<size_t>(length));
  return target;
}

class LayerVisitor : public TreeVisitor {
 public:
  LayerVisitor(const LayerWalkOptions& options, TarWriter& tar) : options_(options), tar_(tar) {}

  absl::StatusOr<Descend> Enter(const TreeEntry& entry) override {
    if (S_ISCHR(entry.st.st_mode) && entry.st.st_rdev == makedev(0, 0)) {
      FLOE_RETURN_IF_ERROR(AddMarker(entry, absl::StrCat(kWhiteoutPrefix, entry.name)));
    } else if (!S_ISSOCK(entry.st.st_mode)) {
      FLOE_RETURN_IF_ERROR(Annotate(AddEntry(entry), entry.path));
    }
    return Descend::kYes;
  }

 private:
  absl::Status AddEntry(const TreeEntry& entry) {
    if (absl::StartsWith(entry.name, kWhiteoutPrefix)) {
      return absl::FailedPreconditionError(
          "a name that begins with .wh. means a deletion in an image layer; rename the file");
    }
    TarEntry to;
    to.path = entry.path;
    to.st = entry.st;
    if (options_.latest_mtime && to.st.st_mtim.tv_sec > *options_.latest_mtime) {
      to.st.st_mtim.tv_sec = *options_.latest_mtime;
    }
    bool opaque = false;
    FLOE_RETURN_IF_ERROR(ReadXattrs(entry, to, &opaque));
    if (S_ISLNK(entry.st.st_mode)) {
      FLOE_ASSIGN_OR_RETURN(to.symlink, SymlinkTarget(entry));
    }
    if (!S_ISDIR(entry.st.st_mode) && entry.st.st_nlink > 1) {
      to.hardlink = FirstName(entry);
    }
    FLOE_RETURN_IF_ERROR(S_ISREG(entry.st.st_mode) && to.hardlink.empty() ? AddFile(entry, to)
                                                                          : tar_.Add(to));
    if (!opaque) return absl::OkStatus();
    return AddMarker(entry, absl::StrCat(entry.name, "/", kOpaqueName));
  }

  absl::Status AddFile(const TreeEntry& entry, const TarEntry& to) {
    FLOE_ASSIGN_OR_RETURN(const UniqueFd file, OpenFileAt(entry.directory, entry.name,
                                                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    struct stat opened;
    if (fstat(file.get(), &opened) != 0) return ErrnoStatus(errno, "stat");
    if (opened.st_ino != entry.st.st_ino || opened.st_dev != entry.st.st_dev) {
      return absl::AbortedError("replaced while it was read; pause the container and try again");
    }
    return tar_.Add(to, file.get());
  }

  // An empty file beside (whiteout) or in (opaque marker) the entry; `name` replaces the entry's.
  absl::Status AddMarker(const TreeEntry& entry, absl::string_view name) {
    TarEntry marker;
    marker.path = absl::StrCat(
        absl::string_view(entry.path).substr(0, entry.path.size() - entry.name.size()), name);
    marker.st.st_mode = S_IFREG;
    return tar_.Add(marker);
  }

  static absl::Status ReadXattrs(const TreeEntry& entry, TarEntry& to, bool* opaque) {
    const std::string path = ProcPath(entry);
    FLOE_ASSIGN_OR_RETURN(const auto names, XattrNames(path));
    for (const std::string& name : names) {
      const absl::string_view own = absl::EndsWith(name, "overlay.opaque")     ? "opaque"
                                    : absl::EndsWith(name, "overlay.redirect") ? "redirect"
                                    : absl::EndsWith(name, "overlay.metacopy") ? "metacopy"
                                                                               : "";
      const bool of_overlay =
          absl::StartsWith(name, "trusted.overlay.") || absl::StartsWith(name, "user.overlay.");
      if (of_overlay && (own == "redirect" || own == "metacopy")) {
        return absl::UnimplementedError(
            absl::StrCat("overlayfs keeps only a ", own, " in this layer"));
      }
      if (of_overlay && own == "opaque" && S_ISDIR(entry.st.st_mode)) {
        FLOE_ASSIGN_OR_RETURN(const std::string value, XattrValue(path, name));
        *opaque = *opaque || value == "y";
      }
      if (Travels(name)) {
        FLOE_ASSIGN_OR_RETURN(to.xattrs[name], XattrValue(path, name));
      }
    }
    return absl::OkStatus();
  }

  // Empty for the first name of an inode.
  std::string FirstName(const TreeEntry& entry) {
    const auto [slot, first] = names_.try_emplace({entry.st.st_dev, entry.st.st_ino}, entry.path);
    return first ? "" : slot->second;
  }

  const LayerWalkOptions& options_;
  TarWriter& tar_;
  std::map<std::pair<dev_t, ino_t>, std::string> names_;
};

}  // namespace

absl::Status WriteLayer(const std::string& directory, const LayerWalkOptions& options,
                        TarWriter& tar) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd root, OpenFile(directory, O_RDONLY | O_DIRECTORY));
  LayerVisitor visitor(options, tar);
  return WalkTree(root.get(), visitor);
}

}  // namespace floe::snapshotter
