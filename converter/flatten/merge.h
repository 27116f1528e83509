// SPDX-License-Identifier: Apache-2.0
// Layer trees -> the one tree that an overlay mount of the layers' directories shows.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "converter/flatten/layer_builder.h"
#include "erofs/tree.h"

namespace floe::converter {

// Where a regular file's data is: layer << 48 | offset in that layer's spool. (2^48 bytes are more
// than a flat image holds.)
constexpr uint64_t MakeDataPlace(size_t layer, uint64_t offset) {
  return static_cast<uint64_t>(layer) << 48 | offset;
}
constexpr size_t DataLayer(uint64_t place) { return place >> 48; }
constexpr uint64_t DataOffset(uint64_t place) { return place & ((uint64_t{1} << 48) - 1); }

// `layers` bottom first, at least one; they are used up. Every regular file's Inode::data is a
// MakeDataPlace. INVALID_ARGUMENT naming layer and path when a hard link's target is nowhere.
absl::StatusOr<erofs::Tree> MergeLayers(std::vector<std::unique_ptr<LayerBuilder>>& layers,
                                        const std::vector<std::string>& layer_names);

}  // namespace floe::converter
