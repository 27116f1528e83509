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

// A parent that no entry lists gets what the nearest lower layer with that path has, each layer
// looked at by itself, as containerd does. Parents come before children: their ids are lower.
void LowerResolver::InheritAttributes(size_t layer) {
  LayerTree& tree = layers_[layer]->tree();
  for (NodeId node = 0; node < tree.node_count(); ++node) {
    if (!tree.Has(node, kInherits) || tree.Has(node, kRemoved)) continue;
    const std::string path = tree.Path(node);
    erofs::Inode& inode = tree.inode(tree.InodeOf(node));
    bool found = false;
    for (size_t below = layer; below-- > 0;) {
      const LayerTree& lower = layers_[below]->tree();
      const absl::StatusOr<LayerTree::Place> place = lower.Resolve(path, true);
      if (!place.ok()) break;                 // hidden by a file
      if (!place->missing.empty()) continue;  // not in this layer
      if (!lower.IsDirectory(place->node)) break;
      const erofs::Inode& from = lower.inode(lower.InodeOf(place->node));
      erofs::Xattrs xattrs = lower.xattrs().Get(from.xattrs);
      const erofs::Xattrs own = tree.xattrs().Get(inode.xattrs);
      xattrs.insert(xattrs.end(), own.begin(), own.end());
      if (tree.Has(node, kImplicit)) inode = from;
      inode.xattrs = tree.xattrs().Intern(std::move(xattrs));
      found = true;
      break;
    }
    const erofs::Inode& above = tree.inode(tree.InodeOf(tree.Parent(node)));
    if (!found && tree.Has(node, kImplicit) && (above.mode & S_ISGID) != 0) inode.gid = above.gid;
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
