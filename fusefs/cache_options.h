// SPDX-License-Identifier: Apache-2.0
// The table [cache] of floe.toml: the shared cache, if there is one.
#pragma once

#include "base/config.h"
#include "cache/shared_cache.h"

namespace floe::fusefs {

struct SharedCacheSettings {
  cache::SharedCacheOptions options;
  bool fill = true;  // what it had not is put there; else it is only read

  bool wanted() const { return !options.list.empty(); }
  // INVALID_ARGUMENT with file and line, or naming the setting.
  absl::Status Read(const Config& config);
  // Whether all servers are written as addresses: then they are known without asking anybody.
  bool NeedsNoNames() const;
};

}  // namespace floe::fusefs
