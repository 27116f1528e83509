// SPDX-License-Identifier: Apache-2.0
#include "erofs/label.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace floe::erofs {

std::string MakeLabel(uint64_t metadata_blocks) {
  return absl::StrCat("floe", kLayoutVersion, ":", absl::Hex(metadata_blocks, absl::kZeroPad8));
}

std::optional<uint32_t> ParseLabel(absl::string_view label) {
  label = label.substr(0, label.find('\0'));
  uint32_t blocks = 0;
  if (!absl::ConsumePrefix(&label, absl::StrCat("floe", kLayoutVersion, ":")) ||
      label.size() != 8 || !absl::SimpleHexAtoi(label, &blocks)) {
    return std::nullopt;
  }
  return blocks;
}

}  // namespace floe::erofs
