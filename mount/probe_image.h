// SPDX-License-Identifier: Apache-2.0
// The smallest EROFS image that serves the start-up probe: a root directory with one file "probe".
#pragma once

#include "base/bytes.h"

namespace floe::mount {

inline constexpr uint64_t kProbeBlockBytes = 4096;
inline constexpr uint64_t kProbeDataOffset = 2 * kProbeBlockBytes;  // of the file in the image
inline constexpr uint64_t kProbeDataBytes = 16 * kProbeBlockBytes;
inline constexpr uint8_t kProbeByte = 0xa5;  // every byte of the file: a zero cannot be right

Bytes MakeProbeImage();

}  // namespace floe::mount
