// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/plain_ring.h"

#include <algorithm>
#include <cstring>

#include "bench/sim/random.h"

namespace floe::sim {

PlainRing::PlainRing(const std::vector<std::string>& names, size_t points) {
  for (size_t server = 0; server < names.size(); ++server) {
    uint64_t hash = 0;
    for (const char c : names[server]) hash = Mix(hash * 31 + static_cast<unsigned char>(c));
    for (size_t point = 0; point < points; ++point) {
      ring_.emplace_back(Mix(hash + Mix(point + 1)), static_cast<uint16_t>(server));
    }
  }
  std::sort(ring_.begin(), ring_.end());
}

std::vector<uint16_t> PlainRing::ServersOf(const store::ChunkId& id, size_t count) const {
  uint64_t place = 0;
  std::memcpy(&place, id.bytes.data(), sizeof place);
  auto at = std::lower_bound(ring_.begin(), ring_.end(), std::pair(place, uint16_t{0}));
  std::vector<uint16_t> servers;
  for (size_t seen = 0; seen < ring_.size() && servers.size() < count; ++seen, ++at) {
    if (at == ring_.end()) at = ring_.begin();
    if (std::find(servers.begin(), servers.end(), at->second) == servers.end()) {
      servers.push_back(at->second);
    }
  }
  return servers;
}

}  // namespace floe::sim
