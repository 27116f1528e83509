// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/layer_builder.h"

#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "converter/flatten/layer_rules.h"
#include "erofs/ondisk.h"

namespace floe::converter {
namespace {

constexpr absl::string_view kWhiteoutPrefix = ".wh.";
constexpr absl::string_view kOpaqueMarker = ".wh..wh..opq";

absl::Status Bad(absl::string_view why) { return absl::InvalidArgumentError(why); }

mode_t TypeBits(TarType type) {
  switch (type) {
    case TarType::kDirectory:
      return S_IFDIR;
    case TarType::kSymlink:
      return S_IFLNK;
    case TarType::kCharDevice:
      return S_IFCHR;
    case TarType::kBlockDevice:
      return S_IFBLK;
    case TarType::kFifo:
      return S_IFIFO;
    default:
      return S_IFREG;
  }
}

erofs::Inode InodeFrom(const TarEntry& entry) {
  erofs::Inode inode;
  const mode_t permissions = entry.type == TarType::kSymlink ? 0777 : entry.mode;
  inode.mode = static_cast<uint16_t>(TypeBits(entry.type) | permissions);
  inode.uid = entry.uid;
  inode.gid = entry.gid;
  inode.mtime = entry.mtime;
  inode.mtime_nsec = entry.mtime_nsec;
  return inode;
}

absl::Status CheckXattrs(const TarEntry& entry) {
  for (const auto& [name, value] : entry.xattrs) {
    if (value.size() > erofs::kXattrValueMax && !absl::StartsWith(name, "trusted.")) {
      return Bad(absl::StrCat("its xattr ", name, " has ", value.size(),
                              " bytes; a flat image holds at most ", erofs::kXattrValueMax,
                              " (shorten or remove it in the source image)"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

void TouchByLink(const erofs::Inode& from, erofs::Inode& file) {
  file.uid = from.uid;
  file.gid = from.gid;
  file.mtime = from.mtime;
  file.mtime_nsec = from.mtime_nsec;
  if (!file.IsSymlink()) {
    file.mode = static_cast<uint16_t>((file.mode & S_IFMT) | (from.mode & 07777));
  }
}

absl::StatusOr<bool> LayerBuilder::Add(const TarEntry& entry, uint32_t max_path_bytes) {
  if (entry.type == TarType::kGlobalHeader) return false;
  if (entry.name.size() > max_path_bytes) {
    return Bad(
        absl::StrCat("its path has ", entry.name.size(), " bytes; at most ", max_path_bytes));
  }
  if (absl::StrContains(entry.name, absl::string_view("\0", 1))) return Bad("a NUL in its path");
  FLOE_RETURN_IF_ERROR(CheckXattrs(entry));
  FLOE_ASSIGN_OR_RETURN(const std::string path, CleanPath(entry.name));
  if (path.empty()) {
    // containerd leaves the root's entry out; its mtime is better than the time of the unpack.
    tree_.inode(tree_.InodeOf(kRootNode)).mtime = entry.mtime;
    tree_.inode(tree_.InodeOf(kRootNode)).mtime_nsec = entry.mtime_nsec;
    return false;
  }
  const size_t slash = path.rfind('/');
  const absl::string_view name = absl::string_view(path).substr(slash == path.npos ? 0 : slash + 1);
  if (name.size() > erofs::kNameMax) {
    return Bad(absl::StrCat("its name has ", name.size(), " bytes; at most ", erofs::kNameMax));
  }
  FLOE_ASSIGN_OR_RETURN(
      const NodeId parent,
      MakeDirectories(slash == path.npos ? "" : absl::string_view(path).substr(0, slash)));
  FLOE_ASSIGN_OR_RETURN(const bool was_whiteout, AddWhiteout(parent, name));
  if (was_whiteout) return false;
  switch (entry.type) {
    case TarType::kDirectory:
      FLOE_RETURN_IF_ERROR(AddDirectory(entry, parent, name));
      return false;
    case TarType::kHardLink:
      FLOE_RETURN_IF_ERROR(AddHardLink(entry, parent, name));
      return false;
    default:
      FLOE_RETURN_IF_ERROR(AddOther(entry, parent, name));
      return entry.type == TarType::kRegular;
  }
}

// The directory at `path`, symlinks followed; what is missing is made.
absl::StatusOr<NodeId> LayerBuilder::MakeDirectories(absl::string_view path) {
  FLOE_ASSIGN_OR_RETURN(const LayerTree::Place place, tree_.Resolve(path, true));
  NodeId directory = place.directory;
  if (place.missing.empty() && place.node != place.directory) {
    return Bad(absl::StrCat(tree_.Path(place.node), " is not a directory"));
  }
  for (const std::string& name : place.missing) {
    if (name.size() > erofs::kNameMax) {
      return Bad(absl::StrCat("a name of ", name.size(), " bytes; at most ", erofs::kNameMax));
    }
    const NodeId whiteout = tree_.Child(directory, name);
    if (whiteout != kNoNode) tree_.Remove(whiteout);
    directory = MakeImplicit(directory, name, whiteout != kNoNode);
  }
  return directory;
}

NodeId LayerBuilder::MakeImplicit(NodeId parent, absl::string_view name, bool replaces_whiteout) {
  erofs::Inode inode;
  inode.mode = S_IFDIR | 0755;
  // Behind a whiteout nothing of lower layers shows through (containerd fails on such layers).
  int flags = replaces_whiteout ? kOpaque : (bottom_ ? kImplicit : kImplicit | kInherits);
  // mkdir takes the group of a parent with the set-group-id bit, which the parent may inherit.
  const erofs::Inode& above = tree_.inode(tree_.InodeOf(parent));
  if (tree_.Has(parent, kImplicit) && tree_.Has(parent, kInherits)) {
    flags |= kGroupOpen;
  } else if ((above.mode & S_ISGID) != 0) {
    inode.gid = above.gid;
  }
  return tree_.Insert(parent, name, tree_.AddInode(inode), static_cast<uint8_t>(flags));
}

// False when `name` marks nothing.
absl::StatusOr<bool> LayerBuilder::AddWhiteout(NodeId parent, absl::string_view name) {
  if (name == kOpaqueMarker) {
    MakeOpaque(parent);
    return true;
  }
  if (!absl::StartsWith(name, kWhiteoutPrefix)) return false;
  const absl::string_view hidden = name.substr(kWhiteoutPrefix.size());
  if (hidden.empty() || hidden == "." || hidden == "..") return Bad("a whiteout of no name");
  const NodeId there = tree_.Child(parent, hidden);
  if (bottom_) {
    if (there != kNoNode) tree_.Remove(there);
  } else if (there == kNoNode) {
    tree_.Insert(parent, hidden, kNoInode, kWhiteout);
  } else if (tree_.IsDirectory(there)) {
    // A whiteout hides lower layers only, whatever the order (containerd fails on such layers).
    tree_.Set(there, kOpaque);
  }
  return true;
}

void LayerBuilder::MakeOpaque(NodeId directory) {
  if (bottom_) {
    RemoveUnlisted(directory);
  } else if (directory != kRootNode) {
    // overlayfs does not look for the mark on a layer's root.
    tree_.Set(directory, kOpaque);
  }
}

// In the lowest layer containerd executes the marker: what no entry lists goes.
void LayerBuilder::RemoveUnlisted(NodeId directory) {
  std::vector<NodeId> todo{directory};
  while (!todo.empty()) {
    NodeId child = tree_.FirstChild(todo.back());
    todo.pop_back();
    while (child != kNoNode) {
      const NodeId next = tree_.NextSibling(child);
      if (tree_.Has(child, kImplicit)) {
        tree_.Remove(child);
      } else if (tree_.IsDirectory(child)) {
        todo.push_back(child);
      }
      child = next;
    }
  }
}

erofs::XattrsId LayerBuilder::Combine(erofs::XattrsId old, const erofs::Xattrs& more) {
  erofs::Xattrs all = tree_.xattrs().Get(old);
  all.insert(all.end(), more.begin(), more.end());
  return tree_.xattrs().Intern(std::move(all));
}

absl::Status LayerBuilder::AddDirectory(const TarEntry& entry, NodeId parent,
                                        absl::string_view name) {
  erofs::Inode inode = InodeFrom(entry);
  const erofs::Xattrs xattrs = KeptXattrs(inode.mode, entry.xattrs);
  NodeId node = tree_.Child(parent, name);
  if (node != kNoNode && tree_.IsDirectory(node)) {
    // What is in it stays, and so do its xattrs.
    inode.xattrs = Combine(tree_.inode(tree_.InodeOf(node)).xattrs, xattrs);
    tree_.inode(tree_.InodeOf(node)) = inode;
    tree_.Clear(node, kImplicit);
    return absl::OkStatus();
  }
  if (node != kNoNode) tree_.Remove(node);
  inode.xattrs = Combine(0, xattrs);
  tree_.Insert(parent, name, tree_.AddInode(inode), 0);
  return absl::OkStatus();
}

absl::Status LayerBuilder::AddHardLink(const TarEntry& entry, NodeId parent,
                                       absl::string_view name) {
  if (const NodeId old = tree_.Child(parent, name); old != kNoNode) tree_.Remove(old);
  absl::StatusOr<std::string> target = CleanPath(entry.link);
  if (!target.ok()) return Bad("its hard link leads out of the image (..)");
  FLOE_ASSIGN_OR_RETURN(const LayerTree::Place place, tree_.Resolve(*target, false));
  erofs::Inode touch = InodeFrom(entry);
  if (place.missing.empty()) {
    if (tree_.IsDirectory(place.node)) return Bad("a hard link to a directory");
    erofs::Inode& file = tree_.inode(tree_.InodeOf(place.node));
    TouchByLink(touch, file);
    erofs::Xattrs kept = tree_.xattrs().Get(file.xattrs);
    kept.erase(std::remove_if(kept.begin(), kept.end(),
                              [](const auto& x) { return x.first == "security.capability"; }),
               kept.end());
    const erofs::Xattrs more = KeptXattrs(file.mode, entry.xattrs);
    kept.insert(kept.end(), more.begin(), more.end());
    file.xattrs = tree_.xattrs().Intern(std::move(kept));
    tree_.Insert(parent, name, tree_.InodeOf(place.node), 0);
    return absl::OkStatus();
  }
  if (bottom_) return Bad(absl::StrCat("a hard link to ", entry.link, ", which is not there"));
  // The merge finds the file in the layers below.
  const NodeId node = tree_.Insert(parent, name, tree_.AddInode(touch), 0);
  lower_links_.push_back({node, *target, entry.xattrs});
  return absl::OkStatus();
}

absl::Status LayerBuilder::AddOther(const TarEntry& entry, NodeId parent, absl::string_view name) {
  if (const NodeId old = tree_.Child(parent, name); old != kNoNode) tree_.Remove(old);
  erofs::Inode inode = InodeFrom(entry);
  inode.xattrs = Combine(0, KeptXattrs(inode.mode, entry.xattrs));
  if (entry.type == TarType::kSymlink) {
    if (entry.link.empty() || entry.link.size() > erofs::kSymlinkMax) {
      return Bad(absl::StrCat("a symlink of ", entry.link.size(), " bytes; 1 to ",
                              erofs::kSymlinkMax, " are possible"));
    }
    tree_.Insert(parent, name, tree_.AddSymlink(inode, entry.link), 0);
    return absl::OkStatus();
  }
  if (inode.IsDevice()) {
    inode.rdev = erofs::MakeDevice(entry.device_major, entry.device_minor);
    if (S_ISCHR(inode.mode) && inode.rdev == 0) {
      tree_.Insert(parent, name, kNoInode, kWhiteout);  // what overlayfs takes it for
      return absl::OkStatus();
    }
  }
  if (inode.IsRegular()) {
    inode.size = entry.size;
    inode.data = spool_.Begin();
  }
  tree_.Insert(parent, name, tree_.AddInode(inode), 0);
  return absl::OkStatus();
}

}  // namespace floe::converter
