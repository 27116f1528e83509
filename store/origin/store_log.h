// SPDX-License-Identifier: Apache-2.0
// The log of root transitions: log/<seq>, each put if absent, so that of two writers one loses.
#pragma once

#include <vector>

#include "store/origin/object_store.h"
#include "store/origin/store_layout.h"

namespace floe::store {

// Every entry from 1 on, replayed: newest root first. DATA_LOSS as ReplayLog. Blocks.
absl::StatusOr<std::vector<RootStatus>> ReadLog(ObjectStore& objects);

// Durable when it returns. ABORTED when somebody else wrote this seq.
absl::Status AppendLog(ObjectStore& objects, const LogEntry& entry);

}  // namespace floe::store
