// SPDX-License-Identifier: Apache-2.0
// Tree -> EROFS image (layout version 1, doc/layout.md): metadata contiguous at the front, then
// file data, every file on a block of its own, in the order of order.h.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "erofs/image_sink.h"
#include "erofs/tree.h"

namespace floe::erofs {

// Where everything of an image lies. Made by Plan, for one tree.
struct ImagePlan {
  uint64_t metadata_bytes = 0;  // file data starts here; a multiple of 4096
  uint64_t total_bytes = 0;     // a multiple of 4096
  int64_t build_time = 0;
  uint32_t build_time_nsec = 0;
  uint32_t xattr_block = 0;
  std::vector<InodeId> inodes;   // in the order of their slots, each once
  std::vector<InodeId> files;    // regular files that have data, in the order of their data
  std::vector<uint32_t> nids;    // by inode id
  std::vector<uint32_t> blocks;  // by inode id: first data block (files and what is not inline)
  std::vector<uint32_t> shared;  // by shared xattr: its id on disk
  absl::flat_hash_map<std::pair<XattrsId, uint32_t>, uint32_t> shared_index;
};

// INVALID_ARGUMENT, naming the path, for what EROFS cannot hold (an xattr value of 65,536 bytes,
// more than 16 TiB).
absl::StatusOr<ImagePlan> Plan(const Tree& tree);

// Gives `sink` the first plan.metadata_bytes of the image. File data follows in the order of
// plan.files, each file padded with zeros to whole blocks; that is the caller's part.
absl::Status EmitMetadata(const Tree& tree, const ImagePlan& plan, ImageSink& sink);

}  // namespace floe::erofs
