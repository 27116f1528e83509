// SPDX-License-Identifier: Apache-2.0
// The tree of a flat image as one layer: tar in pax format, gzip.
#pragma once

#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "erofs/reader.h"
#include "erofs/tree.h"

namespace floe::converter {

struct WrittenLayer {
  std::string digest;   // of the compressed bytes
  uint64_t size = 0;    // compressed
  std::string diff_id;  // of the tar
};

// Writes the layer to `fd` from its position. `read` gives the image's bytes, where a regular
// file's Inode::data says. The same tree gives the same bytes. RESOURCE_EXHAUSTED when the disk is
// full; errors of `read` come back unchanged; CANCELLED.
absl::StatusOr<WrittenLayer> WriteTreeLayer(const erofs::Tree& tree, const erofs::ReadAt& read,
                                            int fd, const CancelToken& cancel);

}  // namespace floe::converter
