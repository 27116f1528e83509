// SPDX-License-Identifier: Apache-2.0
// What a directory occupies: each inode once, in allocated bytes.
#pragma once

#include <string>

#include "base/status.h"
#include "snapshotter/meta/snapshot.h"

namespace floe::snapshotter {

// Walks all of `directory`, itself included.
absl::StatusOr<Usage> MeasureUsage(const std::string& directory);

}  // namespace floe::snapshotter
