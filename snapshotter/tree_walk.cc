// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/tree_walk.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/unique_fd.h"

namespace floe::snapshotter {
namespace {

constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

// A directory the walk is inside of. Its descriptor is not kept: the way back is "..", checked.
struct Level {
  std::vector<std::string> names;  // still to visit, last first
  std::string name;                // of this directory in its parent
  struct stat st = {};
};

class Walk {
 public:
  Walk(dev_t device, TreeVisitor& visitor) : device_(device), visitor_(visitor) {}

  absl::Status Run(UniqueFd root, const struct stat& st) {
    current_ = std::move(root);
    FLOE_RETURN_IF_ERROR(Push("", st));
    while (true) {
      if (!levels_.back().names.empty()) {
        FLOE_RETURN_IF_ERROR(VisitNext());
      } else if (levels_.size() > 1) {
        FLOE_RETURN_IF_ERROR(Pop());
      } else {
        return absl::OkStatus();
      }
    }
  }

 private:
  absl::Status Push(std::string name, const struct stat& st) {
    FLOE_ASSIGN_OR_RETURN(auto names, ListDirectory(current_.get()));
    std::reverse(names.begin(), names.end());
    levels_.push_back({std::move(names), std::move(name), st});
    return absl::OkStatus();
  }

  absl::Status VisitNext() {
    const std::string name = std::move(levels_.back().names.back());
    levels_.back().names.pop_back();
    struct stat st;
    if (fstatat(current_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return absl::OkStatus();
      return ErrnoStatus(errno, absl::StrCat("stat ", path_, "/", name));
    }
    const size_t parent_length = path_.size();
    absl::StrAppend(&path_, path_.empty() ? "" : "/", name);
    auto restore = absl::MakeCleanup([&] { path_.resize(parent_length); });
    FLOE_ASSIGN_OR_RETURN(const Descend descend, visitor_.Enter({current_.get(), name, path_, st}));
    if (!S_ISDIR(st.st_mode) || descend == Descend::kNo || st.st_dev != device_) {
      return absl::OkStatus();
    }
    auto child = OpenFileAt(current_.get(), name, kOpenDirectory);
    if (absl::IsNotFound(child.status())) return absl::OkStatus();
    FLOE_RETURN_IF_ERROR(Annotate(child.status(), path_));
    struct stat opened;
    if (fstat(child->get(), &opened) != 0) return ErrnoStatus(errno, path_);
    if (opened.st_ino != st.st_ino || opened.st_dev != st.st_dev) return absl::OkStatus();
    current_ = *std::move(child);
    std::move(restore).Cancel();
    return Push(name, st);
  }

  absl::Status Pop() {
    const Level left = std::move(levels_.back());
    levels_.pop_back();
    FLOE_ASSIGN_OR_RETURN(UniqueFd parent, OpenFileAt(current_.get(), "..", kOpenDirectory));
    struct stat st;
    if (fstat(parent.get(), &st) != 0) return ErrnoStatus(errno, "stat ..");
    if (st.st_ino != levels_.back().st.st_ino || st.st_dev != levels_.back().st.st_dev) {
      return absl::AbortedError(absl::StrCat("directory ", path_, " was moved during the walk"));
    }
    current_ = std::move(parent);
    FLOE_RETURN_IF_ERROR(visitor_.Leave({current_.get(), left.name, path_, left.st}));
    const size_t slash = path_.rfind('/');
    path_.resize(slash == std::string::npos ? 0 : slash);
    return absl::OkStatus();
  }

  const dev_t device_;
  TreeVisitor& visitor_;
  UniqueFd current_;
  std::string path_;
  std::vector<Level> levels_;
};

// Removes files on the way in and directories on the way out.
class Remover : public TreeVisitor {
 public:
  absl::StatusOr<Descend> Enter(const TreeEntry& entry) override {
    if (!S_ISDIR(entry.st.st_mode)) FLOE_RETURN_IF_ERROR(Unlink(entry, 0));
    return Descend::kYes;
  }
  absl::Status Leave(const TreeEntry& entry) override { return Unlink(entry, AT_REMOVEDIR); }

 private:
  static absl::Status Unlink(const TreeEntry& entry, int flags) {
    if (unlinkat(entry.directory, entry.name.c_str(), flags) == 0 || errno == ENOENT) {
      return absl::OkStatus();
    }
    return ErrnoStatus(errno, absl::StrCat("remove ", entry.path));
  }
};

}  // namespace

absl::StatusOr<std::vector<std::string>> ListDirectory(int directory) {
  FLOE_ASSIGN_OR_RETURN(UniqueFd copy, OpenFileAt(directory, ".", O_RDONLY | O_DIRECTORY));
  DIR* stream = fdopendir(copy.get());
  if (stream == nullptr) return ErrnoStatus(errno, "fdopendir");
  copy.Release();
  auto close = absl::MakeCleanup([&] { closedir(stream); });
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const struct dirent* entry = readdir(stream);
    if (entry == nullptr && errno != 0) return ErrnoStatus(errno, "read directory");
    if (entry == nullptr) break;
    const absl::string_view name(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status WalkTree(int root, TreeVisitor& visitor) {
  FLOE_ASSIGN_OR_RETURN(UniqueFd copy, OpenFileAt(root, ".", kOpenDirectory));
  struct stat st;
  if (fstat(copy.get(), &st) != 0) return ErrnoStatus(errno, "stat");
  return Walk(st.st_dev, visitor).Run(std::move(copy), st);
}

absl::Status RemoveTree(const std::string& directory, const std::string& name) {
  const std::string path = absl::StrCat(directory, "/", name);
  auto root = OpenFile(path, kOpenDirectory);
  if (absl::IsNotFound(root.status())) return absl::OkStatus();
  if (!root.ok()) {
    // A link or file under the name: it goes, not what it points at.
    if (unlink(path.c_str()) == 0) return absl::OkStatus();
    return root.status();
  }
  Remover remover;
  FLOE_RETURN_IF_ERROR(Annotate(WalkTree(root->get(), remover), path));
  if (rmdir(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  if (errno == EBUSY) {
    return absl::FailedPreconditionError(
        absl::StrCat("remove ", path, ": something is mounted there"));
  }
  return ErrnoStatus(errno, absl::StrCat("remove ", path));
}

}  // namespace floe::snapshotter
