// SPDX-License-Identifier: Apache-2.0
// EROFS image -> tree. Every offset and count of the image is checked: a hostile image gives
// DATA_LOSS, never a wrong access. Reads what flat images use (uncompressed, 4 KiB blocks, no
// extra device); anything else is UNIMPLEMENTED.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "erofs/ondisk.h"
#include "erofs/tree.h"

namespace floe::erofs {

// Fills `out` with the image's bytes from `offset`.
using ReadAt = std::function<absl::Status(uint64_t offset, MutableByteView out)>;

struct ReadLimits {
  uint64_t max_inodes = 64'000'000;
  uint64_t max_xattr_bytes = uint64_t{256} << 20;
};

// The checked super block: magic, checksum, block size, features, at most `image_bytes` long.
absl::StatusOr<SuperBlock> ReadSuperBlock(const ReadAt& read, uint64_t image_bytes);

// The whole tree. A regular file's Inode::data is the offset of its bytes in the image, where they
// lie in one piece and wholly inside it.
absl::StatusOr<Tree> ReadTree(const ReadAt& read, uint64_t image_bytes,
                              const ReadLimits& limits = {});

struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// What a mount, find or stat reads of the image whose first block is `first_block` (4096 bytes):
// whole blocks, ascending. Of a flat image one range; of a foreign one the first block only.
std::vector<ByteRange> MetadataRanges(ByteView first_block, uint64_t image_bytes);

}  // namespace floe::erofs
