// SPDX-License-Identifier: Apache-2.0
#include "fusefs/cache_options.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace floe::fusefs {

absl::Status SharedCacheSettings::Read(const Config& config) {
  ConfigSection table = config.Section("cache");
  std::string code, fill_when;
  auto decision = std::chrono::ceil<std::chrono::milliseconds>(options.cache.miss_decision);
  table.Strings("servers", &options.list.servers);
  table.String("dns", &options.list.dns);
  table.String("servers_file", &options.list.file);
  table.Duration("refresh", &options.list.refresh);
  table.String("code", &code);
  table.Duration("miss_decision", &decision);
  table.String("fill", &fill_when);
  FLOE_RETURN_IF_ERROR(table.Finish());
  options.cache.miss_decision = decision;
  if (!code.empty()) {
    FLOE_ASSIGN_OR_RETURN(options.cache.code, cache::ParseCode(code));
  }
  if (!fill_when.empty() && fill_when != "miss" && fill_when != "never") {
    return absl::InvalidArgumentError(
        absl::StrCat("cache.fill \"", fill_when, "\": must be one of miss, never"));
  }
  fill = fill_when != "never";
  if (!fill) {
    // Nor is anything else written there: who takes a lease makes others wait for its fill.
    options.cache.lease.enabled = false;
    options.cache.repair.replacement = cache::Replacement::kCold;
    options.cache.repair.max_pending_bytes = 0;
  }
  FLOE_RETURN_IF_ERROR(options.cache.Validate());
  return wanted() ? options.list.Validate() : absl::OkStatus();
}

bool SharedCacheSettings::NeedsNoNames() const {
  const auto& servers = options.list.servers;
  return !servers.empty() && std::all_of(servers.begin(), servers.end(), [](const auto& server) {
    return net::SocketAddress::Parse(server).ok();
  });
}

}  // namespace floe::fusefs
