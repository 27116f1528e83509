// SPDX-License-Identifier: Apache-2.0
// The servers of a moment: sorted list, placement and code. Immutable; requests keep the one they
// began with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cache/erasure_code.h"
#include "cache/guarded_server.h"
#include "cache/placement.h"
#include "cache/shard.h"

namespace floe::cache {

class ServerSet {
 public:
  // `servers`: sorted by name, no doubles, at least one.
  ServerSet(std::vector<std::shared_ptr<GuardedServer>> servers, const Code& wanted);

  const ErasureCode& code() const { return code_; }
  size_t shards() const { return code_.code().shards(); }
  const std::vector<std::shared_ptr<GuardedServer>>& servers() const { return servers_; }
  // The server of shard `index` of a chunk.
  GuardedServer& ServerOf(const store::ChunkId& id, size_t index) const {
    return *servers_[placement_->ServersOf(id)[index]];
  }
  std::string KeyOf(const store::ChunkId& id, size_t index) const {
    return ShardKey(id, code_.code(), index);
  }

 private:
  static std::vector<std::string> NamesOf(
      const std::vector<std::shared_ptr<GuardedServer>>& servers);

  const std::vector<std::shared_ptr<GuardedServer>> servers_;
  const std::shared_ptr<const Placement> placement_;
  const ErasureCode code_;
};

}  // namespace floe::cache
