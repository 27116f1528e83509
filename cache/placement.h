// SPDX-License-Identifier: Apache-2.0
// Which server keeps which shard: a pure function of the server names and the code.
//
// The key space is cut into kPartitions equal parts by the first bits of the chunk id. Each server
// is many points on a ring, each shard of a partition one; a shard belongs to the server of the
// nearest point clockwise that is not already used for a nearer shard of the same partition, and
// has not its share of the key space already (consistent hashing with virtual nodes and bounded
// load). Servers that come or go so move about their own share of the keys.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cache/code.h"
#include "store/chunk_id.h"

namespace floe::cache {

// Immutable, thread safe.
class Placement {
 public:
  static constexpr size_t kPartitions = 1 << 14;
  static constexpr size_t kPointsOfAServer = 256;
  static constexpr double kMaxLoad = 1.25;  // of the mean key space of a server
  static constexpr size_t kMaxServers = 4096;

  // `names`: 1..kMaxServers, ascending, no doubles; the code is CodeFor(wanted, names.size()).
  // Stores of a process with the same list share one.
  static std::shared_ptr<const Placement> Of(const std::vector<std::string>& names,
                                             const Code& wanted);
  Placement(const std::vector<std::string>& names, const Code& code);

  const Code& code() const { return code_; }
  // The indices (into the list of names) of the k+r servers of a chunk's shards, all different.
  std::span<const uint16_t> ServersOf(const store::ChunkId& id) const {
    return ServersOfPartition(PartitionOf(id));
  }
  std::span<const uint16_t> ServersOfPartition(size_t partition) const {
    return {table_.data() + partition * code_.shards(), code_.shards()};
  }
  static size_t PartitionOf(const store::ChunkId& id) {
    return (size_t{id.bytes[0]} << 8 | id.bytes[1]) >> 2;
  }

 private:
  const Code code_;
  std::vector<uint16_t> table_;  // kPartitions rows of k+r servers
};

}  // namespace floe::cache
