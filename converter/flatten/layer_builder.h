// SPDX-License-Identifier: Apache-2.0
// Applies the entries of one layer's tar to its tree, as containerd's unpack applies them to the
// layer's directory: one system call's effect after the other. What depends on lower layers (the
// attributes of parents that no entry lists, hard links to lower files) is noted for merge.h.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "converter/flatten/layer_tree.h"
#include "converter/flatten/spool.h"
#include "converter/flatten/tar_entry.h"

namespace floe::converter {

// A hard link whose target is not in its own layer.
struct LowerLink {
  NodeId node = kNoNode;
  std::string target;  // clean path
  erofs::Xattrs xattrs;
};

// Not thread safe.
class LayerBuilder {
 public:
  // `bottom`: the layer has no lower one, so whiteouts act on the layer itself. `spool` is
  // borrowed.
  LayerBuilder(bool bottom, Spool& spool) : bottom_(bottom), spool_(spool) {}

  // Applies one entry. A regular file's data begins at the spool's end: the caller puts
  // `entry.size` bytes there afterwards when told so (true). INVALID_ARGUMENT for entries that no
  // image may have; the text does not name the entry.
  absl::StatusOr<bool> Add(const TarEntry& entry, uint32_t max_path_bytes);

  LayerTree& tree() { return tree_; }
  std::vector<LowerLink>& lower_links() { return lower_links_; }

 private:
  absl::StatusOr<NodeId> MakeDirectories(absl::string_view path);
  NodeId MakeImplicit(NodeId parent, absl::string_view name, bool replaces_whiteout);
  absl::StatusOr<bool> AddWhiteout(NodeId parent, absl::string_view name);
  void MakeOpaque(NodeId directory);
  void RemoveUnlisted(NodeId directory);
  absl::Status AddDirectory(const TarEntry& entry, NodeId parent, absl::string_view name);
  absl::Status AddHardLink(const TarEntry& entry, NodeId parent, absl::string_view name);
  absl::Status AddOther(const TarEntry& entry, NodeId parent, absl::string_view name);
  erofs::XattrsId Combine(erofs::XattrsId old, const erofs::Xattrs& more);

  const bool bottom_;
  Spool& spool_;
  LayerTree tree_;
  std::vector<LowerLink> lower_links_;
};

// What a hard-link entry does to the file it links to: chown (which drops capabilities), xattrs,
// chmod, mtime. `xattrs` are the entry's.
void TouchByLink(const erofs::Inode& from, erofs::Inode& file);

}  // namespace floe::converter
