// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli) as EROFS uses it: reflected, no final inversion.
#pragma once

#include "base/bytes.h"

namespace floe::erofs {

// `seed` is ~0 for the super block.
inline uint32_t Crc32c(uint32_t seed, ByteView bytes) {
  uint32_t crc = seed;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
  }
  return crc;
}

}  // namespace floe::erofs
