// SPDX-License-Identifier: Apache-2.0
// Which directory holds the difference of two snapshots, if one does.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "snapshotter/mounts.h"

namespace floe::snapshotter {

// The fs directory of the one layer, below `snapshots` (SnapshotterOptions' root + "/snapshots"),
// by which `right` differs from `left`: right's chain is that layer on left's chain. UNIMPLEMENTED
// for anything else, so that containerd compares both trees itself.
absl::StatusOr<std::string> LayerBetween(const std::vector<Mount>& left,
                                         const std::vector<Mount>& right,
                                         const std::string& snapshots);

}  // namespace floe::snapshotter
