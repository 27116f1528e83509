// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/layer_tree.h"

#include <sys/stat.h>

#include <deque>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace floe::converter {
namespace {

constexpr int kMaxLinks = 255;  // as containerd's path resolution

// The names of `path` with "." dropped and ".." taken back where there is something to take back.
std::vector<absl::string_view> CleanNames(absl::string_view path) {
  std::vector<absl::string_view> names;
  for (const absl::string_view name : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (name == ".") continue;
    if (name == ".." && !names.empty() && names.back() != "..") {
      names.pop_back();
    } else {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace

LayerTree::LayerTree() : index_(0, Hash{this}, Equal{this}) {
  erofs::Inode root;
  root.mode = S_IFDIR | 0755;
  Node node;
  node.inode = AddInode(root);
  nodes_.push_back(node);
}

NodeId LayerTree::Child(NodeId directory, absl::string_view name) const {
  const auto found = index_.find(Key(directory, name));
  return found == index_.end() ? kNoNode : *found;
}

NodeId LayerTree::Insert(NodeId directory, absl::string_view name, erofs::InodeId inode,
                         uint8_t flags) {
  Node node;
  node.name = arena_.Add(name);
  node.parent = directory;
  node.inode = inode;
  node.flags = flags;
  node.next = nodes_[directory].first_child;
  const auto id = static_cast<NodeId>(nodes_.size());
  if (node.next != kNoNode) nodes_[node.next].previous = id;
  nodes_[directory].first_child = id;
  nodes_.push_back(node);
  index_.insert(id);
  return id;
}

void LayerTree::Unlink(NodeId node) {
  Node& gone = nodes_[node];
  index_.erase(node);
  if (gone.next != kNoNode) nodes_[gone.next].previous = gone.previous;
  if (gone.previous != kNoNode) {
    nodes_[gone.previous].next = gone.next;
  } else {
    nodes_[gone.parent].first_child = gone.next;
  }
  gone.flags |= kRemoved;
}

void LayerTree::Remove(NodeId node) {
  // Depth is the layer's choice: no recursion.
  NodeId current = node;
  while (true) {
    while (nodes_[current].first_child != kNoNode) current = nodes_[current].first_child;
    const NodeId parent = nodes_[current].parent;
    Unlink(current);
    if (current == node) return;
    current = parent;
  }
}

bool LayerTree::IsDirectory(NodeId node) const {
  const erofs::InodeId id = nodes_[node].inode;
  return id != kNoInode && inodes_[id].IsDirectory();
}

bool LayerTree::IsSymlink(NodeId node) const {
  const erofs::InodeId id = nodes_[node].inode;
  return id != kNoInode && inodes_[id].IsSymlink();
}

std::string LayerTree::Path(NodeId node) const {
  std::vector<absl::string_view> names;
  for (; node != kRootNode; node = nodes_[node].parent) names.push_back(Name(node));
  return absl::StrJoin(names.rbegin(), names.rend(), "/");
}

erofs::InodeId LayerTree::AddInode(const erofs::Inode& inode) {
  inodes_.push_back(inode);
  return static_cast<erofs::InodeId>(inodes_.size() - 1);
}

erofs::InodeId LayerTree::AddSymlink(erofs::Inode inode, absl::string_view target) {
  inode.size = target.size();
  inode.data = arena_.Add(target).value;
  return AddInode(inode);
}

absl::StatusOr<LayerTree::Place> LayerTree::Resolve(absl::string_view path,
                                                    bool follow_last) const {
  std::deque<std::string> todo;
  for (const absl::string_view name : CleanNames(path)) todo.emplace_back(name);
  Place place;
  int links = 0;
  while (!todo.empty()) {
    const std::string name = std::move(todo.front());
    todo.pop_front();
    if (name == "..") {
      if (!place.missing.empty()) {
        place.missing.pop_back();
      } else if (place.directory != kRootNode) {
        place.directory = Parent(place.directory);
      }
      place.node = place.missing.empty() ? place.directory : kNoNode;
      continue;
    }
    const NodeId child = place.missing.empty() ? Child(place.directory, name) : kNoNode;
    if (child == kNoNode || Has(child, kWhiteout)) {
      place.missing.push_back(name);
      place.node = kNoNode;
    } else if (IsSymlink(child) && (follow_last || !todo.empty())) {
      if (++links > kMaxLinks) {
        return absl::InvalidArgumentError(absl::StrCat(path, ": too many symlinks"));
      }
      const absl::string_view target = Target(inodes_[nodes_[child].inode]);
      if (absl::StartsWith(target, "/")) place.directory = kRootNode;
      place.node = place.directory;
      const std::vector<absl::string_view> names = CleanNames(target);
      for (auto next = names.rbegin(); next != names.rend(); ++next) todo.emplace_front(*next);
    } else {
      place.node = child;
      if (IsDirectory(child)) {
        place.directory = child;
      } else if (!todo.empty()) {
        return absl::InvalidArgumentError(absl::StrCat(Path(child), " is not a directory"));
      }
    }
  }
  return place;
}

absl::StatusOr<std::string> CleanPath(absl::string_view path) {
  const std::vector<absl::string_view> names = CleanNames(path);
  if (!names.empty() && names[0] == "..") {
    return absl::InvalidArgumentError("its path leads out of the image (..)");
  }
  return absl::StrJoin(names, "/");
}

}  // namespace floe::converter
