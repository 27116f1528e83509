// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/lower_links.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "converter/flatten/layer_rules.h"

namespace floe::converter {

LowerResolver::LowerResolver(std::vector<std::unique_ptr<LayerBuilder>>& layers,
                             const std::vector<std::string>& names)
    : layers_(layers), names_(names) {}

absl::Status LowerResolver::Run() {
  for (size_t layer = 1; layer < layers_.size(); ++layer) {
    InheritAttributes(layer);
    FLOE_RETURN_IF_ERROR(LinkLower(layer));
  }
  return absl::OkStatus();
}

LayerInode LowerResolver::Follow(LayerInode inode) const {
  for (auto found = aliases_.find({inode.layer, inode.inode}); found != aliases_.end();
       found = aliases_.find({inode.layer, inode.inode})) {
    inode = found->second;
  }
  return inode;
}

// The directory at `path` in the nearest layer below `layer` that has the path, each layer looked
// at by itself, as containerd does; nullptr when there is none.
const LayerTree* LowerResolver::FindBelow(size_t layer, absl::string_view path,
                                          NodeId* node) const {
  for (size_t below = layer; below-- > 0;) {
    const LayerTree& lower = layers_[below]->tree();
    const absl::StatusOr<LayerTree::Place> place = lower.Resolve(path, true);
    if (!place.ok()) return nullptr;        // hidden by a file
    if (!place->missing.empty()) continue;  // not in this layer
    *node = place->node;
    return lower.IsDirectory(place->node) ? &lower : nullptr;
  }
  return nullptr;
}

// A parent that no entry lists gets what a lower layer says of it. Parents come before children:
// their ids are lower.
void LowerResolver::InheritAttributes(size_t layer) {
  LayerTree& tree = layers_[layer]->tree();
  // What mkdir in these directories saw, before any entry listed them.
  absl::flat_hash_map<NodeId, erofs::Inode> made;
  for (NodeId node = 0; node < tree.node_count(); ++node) {
    if (!tree.Has(node, kInherits)) continue;
    erofs::Inode& inode = tree.inode(tree.InodeOf(node));
    erofs::Inode as_made = inode;
    as_made.mode = S_IFDIR | 0755;
    if (tree.Has(node, kGroupOpen)) {
      const erofs::Inode& above = made[tree.Parent(node)];
      as_made.gid = (above.mode & S_ISGID) != 0 ? above.gid : 0;
    }
    NodeId lower_node = kNoNode;
    const LayerTree* lower = FindBelow(layer, tree.Path(node), &lower_node);
    erofs::Xattrs xattrs;
    if (lower != nullptr) {
      as_made = lower->inode(lower->InodeOf(lower_node));
      xattrs = lower->xattrs().Get(as_made.xattrs);
    }
    made[node] = as_made;
    const erofs::Xattrs own = tree.xattrs().Get(inode.xattrs);
    xattrs.insert(xattrs.end(), own.begin(), own.end());
    if (tree.Has(node, kImplicit)) inode = as_made;
    inode.xattrs = tree.xattrs().Intern(std::move(xattrs));
  }
}

// The inode at `path` in the overlay of the layers below `above`; kNoInode when there is none.
LayerInode LowerResolver::FindVisible(size_t above, absl::string_view path) const {
  // The directories that make up the current one, top first.
  std::vector<std::pair<size_t, NodeId>> directories;
  for (size_t layer = above; layer-- > 0;) directories.emplace_back(layer, kRootNode);
  LayerInode result;
  for (const absl::string_view name : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    std::vector<std::pair<size_t, NodeId>> next;
    result = LayerInode();
    for (const auto& [layer, directory] : directories) {
      const LayerTree& tree = layers_[layer]->tree();
      const NodeId child = tree.Child(directory, name);
      if (child == kNoNode) continue;
      if (tree.Has(child, kWhiteout)) break;
      if (!tree.IsDirectory(child)) {
        if (next.empty()) result = {layer, tree.InodeOf(child)};
        break;
      }
      next.emplace_back(layer, child);
      if (tree.Has(child, kOpaque)) break;
    }
    directories = std::move(next);
  }
  return result;
}

absl::Status LowerResolver::LinkLower(size_t layer) {
  LayerTree& tree = layers_[layer]->tree();
  for (const LowerLink& link : layers_[layer]->lower_links()) {
    if (tree.Has(link.node, kRemoved)) continue;
    const LayerInode target = Follow(FindVisible(layer, link.target));
    if (target.inode == kNoInode) {
      return absl::InvalidArgumentError(absl::StrCat("layer ", names_[layer], ": ",
                                                     tree.Path(link.node), ": a hard link to ",
                                                     link.target, ", which is in no layer below"));
    }
    LayerTree& owner = layers_[target.layer]->tree();
    erofs::Inode& file = owner.inode(target.inode);
    TouchByLink(tree.inode(tree.InodeOf(link.node)), file);
    erofs::Xattrs xattrs;
    for (const auto& xattr : owner.xattrs().Get(file.xattrs)) {
      if (xattr.first != "security.capability") xattrs.push_back(xattr);
    }
    for (auto& xattr : KeptXattrs(file.mode, link.xattrs)) xattrs.push_back(std::move(xattr));
    file.xattrs = owner.xattrs().Intern(std::move(xattrs));
    aliases_[{layer, tree.InodeOf(link.node)}] = target;
  }
  return absl::OkStatus();
}

}  // namespace floe::converter
