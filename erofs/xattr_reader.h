// SPDX-License-Identifier: Apache-2.0
// The xattrs of one inode, read back.
#pragma once

#include "base/status.h"
#include "erofs/metadata_cache.h"
#include "erofs/tree.h"

namespace floe::erofs {

// `offset` is where the inode's xattrs begin, `count` its xattr_count (> 0), `shared_start` where
// the shared area begins. DATA_LOSS when anything points outside.
absl::StatusOr<Xattrs> ReadXattrs(MetadataCache& cache, uint64_t offset, uint16_t count,
                                  uint64_t shared_start);

}  // namespace floe::erofs
