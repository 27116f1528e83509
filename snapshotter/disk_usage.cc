// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/disk_usage.h"

#include <fcntl.h>

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "snapshotter/tree_walk.h"

namespace floe::snapshotter {
namespace {

class Adder : public TreeVisitor {
 public:
  absl::StatusOr<Descend> Enter(const TreeEntry& entry) override {
    Add(entry.st);
    return Descend::kYes;
  }

  void Add(const struct stat& st) {
    // Only names beyond the first need remembering.
    if (!S_ISDIR(st.st_mode) && st.st_nlink > 1 && !seen_.insert({st.st_dev, st.st_ino}).second) {
      return;
    }
    usage.bytes += static_cast<int64_t>(st.st_blocks) * 512;
    ++usage.inodes;
  }

  Usage usage;

 private:
  std::set<std::pair<dev_t, ino_t>> seen_;
};

}  // namespace

absl::StatusOr<Usage> MeasureUsage(const std::string& directory) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd root, OpenFile(directory, O_RDONLY | O_DIRECTORY));
  struct stat st;
  if (fstat(root.get(), &st) != 0) return ErrnoStatus(errno, absl::StrCat("stat ", directory));
  Adder adder;
  adder.Add(st);
  FLOE_RETURN_IF_ERROR(Annotate(WalkTree(root.get(), adder), directory));
  return adder.usage;
}

}  // namespace floe::snapshotter
