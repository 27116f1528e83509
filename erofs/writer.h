// SPDX-License-Identifier: Apache-2.0
// Tree -> EROFS image (layout version 1, doc/layout.md): metadata contiguous at the front, then
// file data, every file on a block of its own, in the order of order.h.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/status.h"
#include "erofs/image_sink.h"
#include "erofs/tree.h"
#include "erofs/xattr_layout.h"

namespace floe::erofs {

// Where everything of an image lies. Made by Plan, for one tree.
struct ImagePlan {
  uint64_t metadata_bytes = 0;  // file data starts here; a multiple of 4096
  uint64_t total_bytes = 0;     // a multiple of 4096
  uint64_t data_bytes = 0;      // of files, without padding
  int64_t build_time = 0;       // mtime of compact inodes
  uint32_t build_time_nsec = 0;
  uint32_t xattr_block = 0;
  XattrLayout xattrs;
  std::vector<InodeId> inodes;  // in the order of their places, each once
  // Directories in the order of their places, each with its parent.
  std::vector<std::pair<InodeId, InodeId>> directories;
  std::vector<InodeId> files;     // regular files that have data, in the order of their data
  std::vector<uint32_t> nids;     // by inode id: place / 32; 0: not in the image
  std::vector<uint32_t> blocks;   // by inode id: first data block, where there is one
  std::vector<bool> inline_tail;  // by inode id: the content's last piece lies behind the inode
};

// Sets the tree's link counts on the way. INVALID_ARGUMENT, naming the path, for what EROFS cannot
// hold (an xattr value of 65,536 bytes, more than 16 TiB).
absl::StatusOr<ImagePlan> Plan(Tree& tree);

// Gives `sink` the first plan.metadata_bytes of the image. File data follows in the order of
// plan.files, each file padded with zeros to whole blocks; that is the caller's part.
absl::Status EmitMetadata(const Tree& tree, const ImagePlan& plan, ImageSink& sink);

}  // namespace floe::erofs
