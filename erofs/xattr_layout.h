// SPDX-License-Identifier: Apache-2.0
// How a tree's xattrs lie in an image: what many inodes have, or what is big, once in the shared
// area; the rest behind the inode.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "erofs/tree.h"

namespace floe::erofs {

struct XattrLayout {
  std::vector<std::string> bodies;  // by XattrsId: what follows the inode; empty for none
  std::string shared;               // the shared area
};

// Longer values always go to the shared area, so that inodes stay close together.
inline constexpr size_t kInlineXattrValueMax = 1024;

// INVALID_ARGUMENT, naming the xattr, for names and values that EROFS cannot hold.
absl::StatusOr<XattrLayout> LayXattrs(const Tree& tree);

// The prefix number of a full name, and the rest of the name; 0 when EROFS has none for it.
uint8_t XattrNameIndex(absl::string_view name, absl::string_view* rest);

// The prefix of a number, nullopt-like empty for an unknown one.
absl::string_view XattrPrefix(uint8_t index);

}  // namespace floe::erofs
