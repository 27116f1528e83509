// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/id_mapping.h"

#include "absl/strings/str_cat.h"

namespace floe::snapshotter {

absl::StatusOr<std::optional<mount::IdMapping>> MappingFromLabels(const Labels& labels) {
  const auto uids = labels.find(kUidMappingLabel);
  const auto gids = labels.find(kGidMappingLabel);
  if (uids == labels.end() && gids == labels.end()) return std::optional<mount::IdMapping>();
  if (uids == labels.end() || gids == labels.end()) {
    return absl::InvalidArgumentError(absl::StrCat("labels ", kUidMappingLabel, " and ",
                                                   kGidMappingLabel,
                                                   " belong together, one is missing"));
  }
  FLOE_ASSIGN_OR_RETURN(mount::IdMapping mapping,
                        mount::ParseIdMapping(uids->second, gids->second));
  return std::optional<mount::IdMapping>(std::move(mapping));
}

absl::StatusOr<uint32_t> ToHost(const std::vector<mount::IdRange>& ranges, uint32_t id) {
  for (const mount::IdRange& range : ranges) {
    if (id >= range.container && id - range.container < range.length) {
      return range.host + (id - range.container);
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("id ", id, " is not mapped by the labels ",
                                                 kUidMappingLabel, " and ", kGidMappingLabel));
}

}  // namespace floe::snapshotter
