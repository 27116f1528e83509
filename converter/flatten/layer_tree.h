// SPDX-License-Identifier: Apache-2.0
// One layer as its unpacked directory would look: names, attributes, whiteouts, opaque directories.
// Compact: about 150 bytes an entry.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "erofs/arena.h"
#include "erofs/tree.h"

namespace floe::converter {

using NodeId = uint32_t;
inline constexpr NodeId kRootNode = 0;
inline constexpr NodeId kNoNode = ~NodeId{0};
inline constexpr erofs::InodeId kNoInode = ~erofs::InodeId{0};

enum NodeFlag : uint8_t {
  kWhiteout = 1,    // hides the name in lower layers; has no inode
  kOpaque = 2,      // a directory that hides what lower layers have in it
  kImplicit = 4,    // a directory that no entry lists: its attributes come from below
  kInherits = 8,    // was once implicit: what lower layers have as xattrs is there too
  kGroupOpen = 32,  // its group depends on what its parent inherits
  kRemoved = 16,    // no longer in the tree
};

// Not thread safe while it changes.
class LayerTree {
 public:
  LayerTree();

  // kNoNode when there is none. Names have no '/'.
  NodeId Child(NodeId directory, absl::string_view name) const;
  // Adds a name that is not there yet.
  NodeId Insert(NodeId directory, absl::string_view name, erofs::InodeId inode, uint8_t flags);
  // Takes a name away, with all below it.
  void Remove(NodeId node);

  bool IsDirectory(NodeId node) const;
  bool IsSymlink(NodeId node) const;
  bool Has(NodeId node, NodeFlag flag) const { return (nodes_[node].flags & flag) != 0; }
  void Set(NodeId node, NodeFlag flag) { nodes_[node].flags |= flag; }
  void Clear(NodeId node, NodeFlag flag) { nodes_[node].flags &= static_cast<uint8_t>(~flag); }
  absl::string_view Name(NodeId node) const { return arena_.Get(nodes_[node].name); }
  NodeId Parent(NodeId node) const { return nodes_[node].parent; }
  NodeId FirstChild(NodeId node) const { return nodes_[node].first_child; }
  NodeId NextSibling(NodeId node) const { return nodes_[node].next; }
  erofs::InodeId InodeOf(NodeId node) const { return nodes_[node].inode; }
  // "a/b/c"; "" for the root.
  std::string Path(NodeId node) const;
  // Every id ever given is below this; removed ones have kRemoved.
  NodeId node_count() const { return static_cast<NodeId>(nodes_.size()); }

  erofs::InodeId AddInode(const erofs::Inode& inode);
  erofs::InodeId AddSymlink(erofs::Inode inode, absl::string_view target);
  erofs::Inode& inode(erofs::InodeId id) { return inodes_[id]; }
  const erofs::Inode& inode(erofs::InodeId id) const { return inodes_[id]; }
  size_t inode_count() const { return inodes_.size(); }
  absl::string_view Target(const erofs::Inode& symlink) const {
    return arena_.Get(erofs::StringRef{symlink.data});
  }
  erofs::XattrTable& xattrs() { return xattrs_; }
  const erofs::XattrTable& xattrs() const { return xattrs_; }

  // Where a path leads, symlinks followed inside this layer (also the last name when
  // `follow_last`); `..` and absolute targets stay inside the root. What does not exist is taken
  // for no symlink. INVALID_ARGUMENT for 256 symlinks, or a file where a directory must be.
  struct Place {
    NodeId directory = kRootNode;      // the deepest directory that exists
    std::vector<std::string> missing;  // names below it that do not
    NodeId node = kRootNode;           // the thing itself when nothing is missing
  };
  absl::StatusOr<Place> Resolve(absl::string_view path, bool follow_last) const;

 private:
  struct Node {
    erofs::StringRef name;
    NodeId parent = kNoNode;
    NodeId first_child = kNoNode;
    NodeId next = kNoNode;
    NodeId previous = kNoNode;
    erofs::InodeId inode = kNoInode;
    uint8_t flags = 0;
  };
  using Key = std::pair<NodeId, absl::string_view>;
  struct Hash {
    using is_transparent = void;
    const LayerTree* tree;
    size_t operator()(NodeId node) const { return (*this)(tree->KeyOf(node)); }
    size_t operator()(const Key& key) const { return absl::Hash<Key>()(key); }
  };
  struct Equal {
    using is_transparent = void;
    const LayerTree* tree;
    bool operator()(NodeId a, NodeId b) const { return a == b; }
    bool operator()(NodeId a, const Key& b) const { return tree->KeyOf(a) == b; }
    bool operator()(const Key& a, NodeId b) const { return a == tree->KeyOf(b); }
  };
  Key KeyOf(NodeId node) const { return {nodes_[node].parent, Name(node)}; }
  void Unlink(NodeId node);

  erofs::Arena arena_;
  std::vector<Node> nodes_;
  std::vector<erofs::Inode> inodes_;
  erofs::XattrTable xattrs_;
  absl::flat_hash_set<NodeId, Hash, Equal> index_;

 public:
  // The index refers to the tree itself.
  LayerTree(const LayerTree&) = delete;
  LayerTree& operator=(const LayerTree&) = delete;
};

// "a//./b/" -> "a/b", as Go's filepath.Clean does by letters alone; INVALID_ARGUMENT for a path
// that leads above its root. A leading slash means the root of the layer.
absl::StatusOr<std::string> CleanPath(absl::string_view path);

}  // namespace floe::converter
