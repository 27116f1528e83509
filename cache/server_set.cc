// SPDX-License-Identifier: Apache-2.0
#include "cache/server_set.h"

#include <utility>

namespace floe::cache {

ServerSet::ServerSet(std::vector<std::shared_ptr<GuardedServer>> servers, const Code& wanted)
    : servers_(std::move(servers)),
      placement_(Placement::Of(NamesOf(servers_), wanted)),
      code_(placement_->code()) {}

std::vector<std::string> ServerSet::NamesOf(
    const std::vector<std::shared_ptr<GuardedServer>>& servers) {
  std::vector<std::string> names;
  names.reserve(servers.size());
  for (const auto& server : servers) names.push_back(server->name());
  return names;
}

}  // namespace floe::cache
