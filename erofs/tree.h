// SPDX-License-Identifier: Apache-2.0
// A file system tree in memory, compact enough for millions of entries: what the writer turns into
// an image and the reader gets back from one.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "erofs/arena.h"

namespace floe::erofs {

using InodeId = uint32_t;
using XattrsId = uint32_t;  // 0: none

inline constexpr InodeId kRoot = 0;

// Sorted by name, names unique and with their prefix ("user.a").
using Xattrs = std::vector<std::pair<std::string, std::string>>;

// Sets of xattrs, equal ones once. Not thread safe.
class XattrTable {
 public:
  XattrTable() : sets_(1) { ids_.emplace(Key({}), 0); }
  // `xattrs` need not be sorted; of equal names the last counts.
  XattrsId Intern(Xattrs xattrs);
  const Xattrs& Get(XattrsId id) const { return sets_[id]; }
  size_t size() const { return sets_.size(); }
  // Bytes of names and values held.
  uint64_t bytes() const { return bytes_; }

 private:
  static std::string Key(const Xattrs& xattrs);
  std::deque<Xattrs> sets_;
  absl::flat_hash_map<std::string, XattrsId> ids_;
  uint64_t bytes_ = 0;
};

struct Inode {
  uint64_t size = 0;  // regular: bytes; symlink: length of the target; else 0
  // Regular: says its owner where the bytes are (flatten: place in the spool; reader: offset in the
  // image). Symlink: StringRef of the target. Directory: first entry.
  uint64_t data = 0;
  int64_t mtime = 0;
  uint32_t mtime_nsec = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t links = 0;    // names; a directory's are 2 + subdirectories
  uint32_t rdev = 0;     // major << 20 | minor, see MakeDevice
  uint32_t entries = 0;  // of a directory
  XattrsId xattrs = 0;
  uint16_t mode = 0;  // type and permissions, as st_mode

  bool IsDirectory() const { return S_ISDIR(mode); }
  bool IsRegular() const { return S_ISREG(mode); }
  bool IsSymlink() const { return S_ISLNK(mode); }
  bool IsDevice() const { return S_ISCHR(mode) || S_ISBLK(mode); }
};

// Linux has 12 bits of major and 20 of minor.
constexpr uint32_t MakeDevice(uint32_t major_number, uint32_t minor_number) {
  return major_number << 20 | minor_number;
}
constexpr uint32_t DeviceMajor(uint32_t device) { return device >> 20; }
constexpr uint32_t DeviceMinor(uint32_t device) { return device & 0xFFFFF; }

struct Entry {
  StringRef name;
  InodeId inode;
};

// Not thread safe while it grows; const methods are.
class Tree {
 public:
  // Adds an inode; the first is the root directory.
  InodeId Add(const Inode& inode);
  // Adds a symlink with its target.
  InodeId AddSymlink(Inode inode, absl::string_view target);
  // Gives a directory its entries, once. Any order; INVALID_ARGUMENT for two equal names or one
  // that no file system takes (empty, ".", "..", with '/' or NUL, longer than kNameMax).
  absl::Status SetEntries(InodeId directory,
                          std::vector<std::pair<absl::string_view, InodeId>> entries);
  // Sets every inode's `links` from the entries.
  void CountLinks();

  size_t inode_count() const { return inodes_.size(); }
  size_t entry_count() const { return entries_.size(); }
  Inode& inode(InodeId id) { return inodes_[id]; }
  const Inode& inode(InodeId id) const { return inodes_[id]; }
  // In byte order of the names.
  const Entry* begin(const Inode& directory) const { return entries_.data() + directory.data; }
  const Entry* end(const Inode& directory) const { return begin(directory) + directory.entries; }
  absl::string_view Name(const Entry& entry) const { return arena_.Get(entry.name); }
  absl::string_view Target(const Inode& symlink) const {
    return arena_.Get(StringRef{symlink.data});
  }
  XattrTable& xattrs() { return xattrs_; }
  const XattrTable& xattrs() const { return xattrs_; }
  // The inode at "a/b/c" (no leading slash, "" is the root), symlinks not followed; NOT_FOUND.
  absl::StatusOr<InodeId> Find(absl::string_view path) const;

 private:
  Arena arena_;
  std::vector<Inode> inodes_;
  std::vector<Entry> entries_;
  XattrTable xattrs_;
};

}  // namespace floe::erofs
