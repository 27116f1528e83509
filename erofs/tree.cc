// SPDX-License-Identifier: Apache-2.0
#include "erofs/tree.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "erofs/ondisk.h"

namespace floe::erofs {

std::string XattrTable::Key(const Xattrs& xattrs) {
  std::string key;
  for (const auto& [name, value] : xattrs) {
    absl::StrAppend(&key, name.size(), ":", name, value.size(), ":", value);
  }
  return key;
}

XattrsId XattrTable::Intern(Xattrs xattrs) {
  std::stable_sort(xattrs.begin(), xattrs.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Xattrs unique;
  for (auto& xattr : xattrs) {
    if (!unique.empty() && unique.back().first == xattr.first) unique.pop_back();
    unique.push_back(std::move(xattr));
  }
  const auto [found, added] = ids_.try_emplace(Key(unique), static_cast<XattrsId>(sets_.size()));
  if (added) {
    for (const auto& [name, value] : unique) bytes_ += name.size() + value.size();
    sets_.push_back(std::move(unique));
  }
  return found->second;
}

InodeId Tree::Add(const Inode& inode) {
  inodes_.push_back(inode);
  return static_cast<InodeId>(inodes_.size() - 1);
}

InodeId Tree::AddSymlink(Inode inode, absl::string_view target) {
  inode.size = target.size();
  inode.data = arena_.Add(target).value;
  return Add(inode);
}

namespace {

absl::Status CheckName(absl::string_view name) {
  if (name.empty() || name == "." || name == ".." || name.size() > kNameMax ||
      name.find('/') != absl::string_view::npos || name.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name.substr(0, 300), "\" is no name for a file (", name.size(),
                     " bytes; at most ", kNameMax, ", without / and NUL, not . or ..)"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Tree::SetEntries(InodeId directory,
                              std::vector<std::pair<absl::string_view, InodeId>> entries) {
  std::sort(entries.begin(), entries.end());
  const uint64_t first = entries_.size();
  for (size_t i = 0; i < entries.size(); ++i) {
    FLOE_RETURN_IF_ERROR(CheckName(entries[i].first));
    if (i > 0 && entries[i].first == entries[i - 1].first) {
      return absl::InvalidArgumentError(
          absl::StrCat("two entries \"", entries[i].first, "\" in one directory"));
    }
    entries_.push_back({arena_.Add(entries[i].first), entries[i].second});
  }
  inodes_[directory].data = first;
  inodes_[directory].entries = static_cast<uint32_t>(entries.size());
  return absl::OkStatus();
}

void Tree::CountLinks() {
  for (Inode& inode : inodes_) inode.links = inode.IsDirectory() ? 2 : 0;
  for (InodeId id = 0; id < inodes_.size(); ++id) {
    if (!inodes_[id].IsDirectory()) continue;
    for (const Entry* entry = begin(inodes_[id]); entry != end(inodes_[id]); ++entry) {
      Inode& child = inodes_[entry->inode];
      ++(child.IsDirectory() ? inodes_[id] : child).links;
    }
  }
}

absl::StatusOr<InodeId> Tree::Find(absl::string_view path) const {
  InodeId id = kRoot;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const absl::string_view name = path.substr(0, slash);
    path = slash == absl::string_view::npos ? "" : path.substr(slash + 1);
    const Inode& directory = inodes_[id];
    if (!directory.IsDirectory()) return absl::NotFoundError(absl::StrCat("no ", name));
    const Entry* entry =
        std::lower_bound(begin(directory), end(directory), name,
                         [this](const Entry& a, absl::string_view b) { return Name(a) < b; });
    if (entry == end(directory) || Name(*entry) != name) {
      return absl::NotFoundError(absl::StrCat("no ", name));
    }
    id = entry->inode;
  }
  return id;
}

}  // namespace floe::erofs
