// SPDX-License-Identifier: Apache-2.0
// Walks a directory tree that others may change meanwhile, made by people who may mean harm: never
// follows a link, never leaves the file system, needs two descriptors however deep the tree is.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/status.h"

namespace floe::snapshotter {

struct TreeEntry {
  int directory;            // descriptor of the directory that holds it; borrowed
  const std::string& name;  // in that directory
  const std::string& path;  // below the root, without leading slash
  const struct stat& st;    // of itself, links not followed
};

enum class Descend { kYes, kNo };

// Called in the order of a walk: a directory's entries by name, each directory's content between
// its Enter and its Leave. An error ends the walk.
class TreeVisitor {
 public:
  virtual ~TreeVisitor() = default;
  // Every entry; the answer counts for directories.
  virtual absl::StatusOr<Descend> Enter(const TreeEntry& entry) = 0;
  // Each directory that was descended into. `st` is that of Enter.
  virtual absl::Status Leave(const TreeEntry& /*entry*/) { return absl::OkStatus(); }
};

// Walks what is below the directory `root` (borrowed, not itself visited). Entries that vanish
// meanwhile are skipped; ABORTED when a directory was moved while the walk was inside.
absl::Status WalkTree(int root, TreeVisitor& visitor);

// Removes `directory`/`name` with all its content; absence is fine. Other file systems mounted
// below are left alone and make it fail with FAILED_PRECONDITION.
absl::Status RemoveTree(const std::string& directory, const std::string& name);

// The names in a directory (borrowed descriptor), sorted, without "." and "..".
absl::StatusOr<std::vector<std::string>> ListDirectory(int directory);

}  // namespace floe::snapshotter
