// SPDX-License-Identifier: Apache-2.0
// What the planner and the writer must agree on: how an inode and its directory blocks look.
#pragma once

#include <cstdint>
#include <vector>

#include "erofs/ondisk.h"
#include "erofs/tree.h"

namespace floe::erofs {

// One entry of a directory as it lies on disk, "." and ".." included.
struct DirRecord {
  absl::string_view name;
  InodeId inode;
};

// The records of a directory in the order of the disk.
std::vector<DirRecord> DirRecords(const Tree& tree, InodeId directory, InodeId parent);

// How many of records[first..] go into one block.
size_t RecordsInBlock(const std::vector<DirRecord>& records, size_t first);

// Size of a directory as st_size gives it: whole blocks, the last one cut behind its last name.
uint64_t DirBytes(const std::vector<DirRecord>& records);

// Whether the 32-byte form holds the inode, given the build time.
bool FitsCompact(const Inode& inode, uint64_t size, int64_t build_time, uint32_t build_time_nsec);

// Directories and symlinks whose last piece is longer keep it in a block of its own.
inline constexpr uint32_t kInlineDirMax = 2048;

// Where an inode lies and how.
struct InodePlace {
  uint64_t offset = 0;  // in the image
  uint32_t tail = 0;    // bytes kept behind inode and xattrs
  uint32_t blocks = 0;  // metadata blocks of its own
  uint64_t end = 0;     // first byte behind
};

// Puts an inode of `head` bytes (with xattrs) and `size` bytes of content at `at` or a little
// behind: a tail must not cross a block's end.
InodePlace PlaceInode(uint64_t at, uint64_t head, uint64_t size, uint32_t inline_max);

}  // namespace floe::erofs
