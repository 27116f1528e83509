// SPDX-License-Identifier: Apache-2.0
// The key of this node that seals disk-tier entries: <keys>/disk-tier.key, 64 hexadecimal digits,
// root's and 0600, so that not even the owner of the cache directory can forge an entry.
#pragma once

#include <string>

#include "base/secret.h"
#include "base/status.h"

namespace floe::fusefs {

// Made on first use. A key that changed only empties the disk tier, entry by entry.
absl::StatusOr<Secret> LoadNodeKey(const std::string& key_directory);

}  // namespace floe::fusefs
