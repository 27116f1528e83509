// SPDX-License-Identifier: Apache-2.0
// User namespaces: the mapping that containerd puts into a snapshot's labels.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/status.h"
#include "mount/idmap.h"
#include "snapshotter/meta/snapshot.h"

namespace floe::snapshotter {

inline constexpr char kUidMappingLabel[] = "containerd.io/snapshot/uidmapping";
inline constexpr char kGidMappingLabel[] = "containerd.io/snapshot/gidmapping";

// The mapping asked for by labels, nullopt when there is none. INVALID_ARGUMENT when one of the two
// is missing or malformed.
absl::StatusOr<std::optional<mount::IdMapping>> MappingFromLabels(const Labels& labels);

// The host's id of a container's; INVALID_ARGUMENT when no range holds it.
absl::StatusOr<uint32_t> ToHost(const std::vector<mount::IdRange>& ranges, uint32_t id);

}  // namespace floe::snapshotter
