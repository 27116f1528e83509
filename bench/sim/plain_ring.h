// SPDX-License-Identifier: Apache-2.0
// Consistent hashing without a bound (Karger et al., STOC 1997): what placement is compared with.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "store/chunk_id.h"

namespace floe::sim {

class PlainRing {
 public:
  // `points` a server on the ring.
  PlainRing(const std::vector<std::string>& names, size_t points);
  // The first `count` different servers from the chunk's place on.
  std::vector<uint16_t> ServersOf(const store::ChunkId& id, size_t count) const;

 private:
  std::vector<std::pair<uint64_t, uint16_t>> ring_;  // ascending
};

}  // namespace floe::sim
