// SPDX-License-Identifier: Apache-2.0
// The volume name of a flat image: "floe<layout version>:<metadata blocks, 8 hexadecimal digits>".
// It tells in the first block what to fetch before a mount; nothing depends on it being right.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace floe::erofs {

// The order and shape of flat images. Part of every manifest: another number is another image.
inline constexpr uint32_t kLayoutVersion = 1;

std::string MakeLabel(uint64_t metadata_blocks);

// The number of metadata blocks; nullopt for any other text.
std::optional<uint32_t> ParseLabel(absl::string_view label);

}  // namespace floe::erofs
