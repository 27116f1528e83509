// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/merge.h"

#include <algorithm>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "converter/flatten/lower_links.h"

namespace floe::converter {
namespace {

using Source = std::pair<size_t, NodeId>;  // layer and directory in it

class Merger {
 public:
  Merger(std::vector<std::unique_ptr<LayerBuilder>>& layers, const LowerResolver& lower)
      : layers_(layers), lower_(lower), ids_(layers.size()) {
    for (size_t i = 0; i < layers.size(); ++i) {
      ids_[i].assign(layers[i]->tree().inode_count(), kNoInode);
    }
  }

  absl::StatusOr<erofs::Tree> Run() {
    Directory root;
    for (size_t layer = layers_.size(); layer-- > 0;) root.sources.emplace_back(layer, kRootNode);
    root.id = out_.Add(RootInode());
    todo_.push_back(std::move(root));
    // Breadth first: the depth of a tree costs nothing.
    while (!todo_.empty()) {
      const Directory directory = std::move(todo_.front());
      todo_.pop_front();
      FLOE_RETURN_IF_ERROR(MergeDirectory(directory));
    }
    return std::move(out_);
  }

 private:
  struct Directory {
    erofs::InodeId id = 0;
    std::vector<Source> sources;  // top first
  };
  // One name while its layers are looked at, top first.
  struct Name {
    bool closed = false;  // nothing further down counts
    std::vector<Source> directories;
    LayerInode file;
  };

  const LayerTree& tree(size_t layer) const { return layers_[layer]->tree(); }

  // containerd leaves entries for the root out: it is root's, 0755. The mtime is that of the
  // topmost layer that lists it.
  erofs::Inode RootInode() const {
    erofs::Inode root;
    root.mode = S_IFDIR | 0755;
    for (size_t layer = layers_.size(); layer-- > 0 && root.mtime == 0;) {
      root.mtime = tree(layer).inode(tree(layer).InodeOf(kRootNode)).mtime;
      root.mtime_nsec = tree(layer).inode(tree(layer).InodeOf(kRootNode)).mtime_nsec;
    }
    return root;
  }

  void Look(size_t layer, NodeId child, Name& name) {
    if (name.closed) return;
    const LayerTree& from = tree(layer);
    if (from.IsDirectory(child)) {
      name.directories.emplace_back(layer, child);
      name.closed = from.Has(child, kOpaque);
    } else {
      name.closed = true;
      if (name.directories.empty() && !from.Has(child, kWhiteout)) {
        name.file = {layer, from.InodeOf(child)};
      }
    }
  }

  absl::Status MergeDirectory(const Directory& directory) {
    absl::flat_hash_map<absl::string_view, Name> names;
    for (const auto& [layer, node] : directory.sources) {
      const LayerTree& from = tree(layer);
      for (NodeId child = from.FirstChild(node); child != kNoNode;
           child = from.NextSibling(child)) {
        Look(layer, child, names[from.Name(child)]);
      }
    }
    std::vector<std::pair<absl::string_view, Name*>> sorted;
    sorted.reserve(names.size());
    for (auto& [text, name] : names) {
      if (!name.directories.empty() || name.file.inode != kNoInode)
        sorted.emplace_back(text, &name);
    }
    // Ids follow the names, so that they are the same on every machine.
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::pair<absl::string_view, erofs::InodeId>> entries;
    entries.reserve(sorted.size());
    for (auto& [text, name] : sorted) {
      if (name->directories.empty()) {
        entries.emplace_back(text, AddFile(lower_.Follow(name->file)));
        continue;
      }
      const auto [layer, node] = name->directories[0];
      const erofs::InodeId id = out_.Add(Import(layer, tree(layer).InodeOf(node)));
      todo_.push_back({id, std::move(name->directories)});
      entries.emplace_back(text, id);
    }
    return out_.SetEntries(directory.id, std::move(entries));
  }

  erofs::Inode Import(size_t layer, erofs::InodeId id) {
    erofs::Inode inode = tree(layer).inode(id);
    inode.xattrs = out_.xattrs().Intern(tree(layer).xattrs().Get(inode.xattrs));
    return inode;
  }

  erofs::InodeId AddFile(LayerInode from) {
    erofs::InodeId& known = ids_[from.layer][from.inode];
    if (known != kNoInode) return known;
    erofs::Inode inode = Import(from.layer, from.inode);
    if (inode.IsSymlink()) return known = out_.AddSymlink(inode, tree(from.layer).Target(inode));
    if (inode.IsRegular()) inode.data = MakeDataPlace(from.layer, inode.data);
    return known = out_.Add(inode);
  }

  std::vector<std::unique_ptr<LayerBuilder>>& layers_;
  const LowerResolver& lower_;
  std::vector<std::vector<erofs::InodeId>> ids_;  // by layer and inode there: id in out_
  erofs::Tree out_;
  std::deque<Directory> todo_;
};

}  // namespace

absl::StatusOr<erofs::Tree> MergeLayers(std::vector<std::unique_ptr<LayerBuilder>>& layers,
                                        const std::vector<std::string>& layer_names) {
  if (layers.size() >= 1 << 16) {
    return absl::InvalidArgumentError("more than 65,535 layers");
  }
  LowerResolver lower(layers, layer_names);
  FLOE_RETURN_IF_ERROR(lower.Run());
  return Merger(layers, lower).Run();
}

}  // namespace floe::converter
