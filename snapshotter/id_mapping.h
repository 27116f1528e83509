// SPDX-License-Identifier: Apache-2.0
// User namespaces: the mapping that containerd puts into a snapshot's labels.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "snapshotter/meta/snapshot.h"

namespace floe::snapshotter {

inline constexpr char kUidMappingLabel[] = "containerd.io/snapshot/uidmapping";
inline constexpr char kGidMappingLabel[] = "containerd.io/snapshot/gidmapping";

struct IdRange {
  uint32_t container = 0;
  uint32_t host = 0;
  uint32_t length = 0;

  bool operator==(const IdRange&) const = default;
};

struct IdMapping {
  std::vector<IdRange> uids;
  std::vector<IdRange> gids;

  bool operator==(const IdMapping&) const = default;
};

// The mapping asked for by labels ("container:host:length[,...]"), nullopt when there is none.
// INVALID_ARGUMENT when one of the two is missing or malformed.
absl::StatusOr<std::optional<IdMapping>> MappingFromLabels(const Labels& labels);

// The host's id of a container's; INVALID_ARGUMENT when no range holds it.
absl::StatusOr<uint32_t> ToHost(const std::vector<IdRange>& ranges, uint32_t id);

// "container:host:length[,...]".
std::string FormatRanges(const std::vector<IdRange>& ranges);

}  // namespace floe::snapshotter
