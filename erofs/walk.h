// SPDX-License-Identifier: Apache-2.0
// Visits a tree in directory order: a directory, then its entries by byte order of their names,
// each with what is below it. The order of inodes and of file data in flat images.
#pragma once

#include <string>
#include <vector>

#include "erofs/tree.h"

namespace floe::erofs {

// Calls visit(inode, parent directory, path) for every name; the root first, with itself as parent
// and the path "". A hard-linked inode comes once for each of its names. Uses memory in proportion
// to the depth, never the call stack.
template <typename Visit>
void WalkTree(const Tree& tree, Visit visit) {
  struct Frame {
    InodeId directory;
    const Entry* next;
    size_t path_length;
  };
  std::string path;
  visit(kRoot, kRoot, absl::string_view(path));
  std::vector<Frame> stack{{kRoot, tree.begin(tree.inode(kRoot)), 0}};
  while (!stack.empty()) {
    Frame& frame = stack.back();
    path.resize(frame.path_length);
    if (frame.next == tree.end(tree.inode(frame.directory))) {
      stack.pop_back();
      continue;
    }
    const Entry& entry = *frame.next++;
    const InodeId directory = frame.directory;
    if (!path.empty()) path.push_back('/');
    path.append(tree.Name(entry).data(), tree.Name(entry).size());
    visit(entry.inode, directory, absl::string_view(path));
    const Inode& inode = tree.inode(entry.inode);
    if (inode.IsDirectory()) stack.push_back({entry.inode, tree.begin(inode), path.size()});
  }
}

}  // namespace floe::erofs
