// SPDX-License-Identifier: Apache-2.0
// Many short strings in few allocations.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"

namespace floe::erofs {

// A string in an arena: offset << 16 | length.
struct StringRef {
  uint64_t value = 0;
};

// Strings of up to 65,535 bytes; what Get gives stays valid as long as the arena, also when it
// moves. Not thread safe while it grows.
class Arena {
 public:
  StringRef Add(absl::string_view text) {
    if (blocks_.empty() || kBlock - used_ < text.size()) {
      blocks_.push_back(std::make_unique<char[]>(kBlock));
      used_ = 0;
    }
    if (!text.empty()) std::memcpy(blocks_.back().get() + used_, text.data(), text.size());
    const uint64_t offset = (blocks_.size() - 1) * kBlock + used_;
    used_ += text.size();
    return {offset << 16 | text.size()};
  }
  absl::string_view Get(StringRef ref) const {
    if ((ref.value & 0xFFFF) == 0) return {};
    const uint64_t offset = ref.value >> 16;
    return {blocks_[offset / kBlock].get() + offset % kBlock, ref.value & 0xFFFF};
  }

 private:
  static constexpr size_t kBlock = 1 << 16;
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t used_ = 0;
};

}  // namespace floe::erofs
