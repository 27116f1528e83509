// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/id_mapping.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace floe::snapshotter {
namespace {

absl::StatusOr<IdRange> ParseRange(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  IdRange range;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &range.container) ||
      !absl::SimpleAtoi(parts[1], &range.host) || !absl::SimpleAtoi(parts[2], &range.length) ||
      range.length == 0 || range.container > UINT32_MAX - range.length ||
      range.host > UINT32_MAX - range.length) {
    return absl::InvalidArgumentError(
        absl::StrCat("id mapping ", text, " is not container:host:length"));
  }
  return range;
}

absl::StatusOr<std::vector<IdRange>> ParseRanges(absl::string_view text) {
  std::vector<IdRange> ranges;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    FLOE_ASSIGN_OR_RETURN(const IdRange range, ParseRange(part));
    ranges.push_back(range);
  }
  return ranges;
}

}  // namespace

absl::StatusOr<std::optional<IdMapping>> MappingFromLabels(const Labels& labels) {
  const auto uids = labels.find(kUidMappingLabel);
  const auto gids = labels.find(kGidMappingLabel);
  if (uids == labels.end() && gids == labels.end()) return std::optional<IdMapping>();
  if (uids == labels.end() || gids == labels.end()) {
    return absl::InvalidArgumentError(absl::StrCat("labels ", kUidMappingLabel, " and ",
                                                   kGidMappingLabel,
                                                   " belong together, one is missing"));
  }
  IdMapping mapping;
  FLOE_ASSIGN_OR_RETURN(mapping.uids, ParseRanges(uids->second));
  FLOE_ASSIGN_OR_RETURN(mapping.gids, ParseRanges(gids->second));
  return std::optional<IdMapping>(std::move(mapping));
}

absl::StatusOr<uint32_t> ToHost(const std::vector<IdRange>& ranges, uint32_t id) {
  for (const IdRange& range : ranges) {
    if (id >= range.container && id - range.container < range.length) {
      return range.host + (id - range.container);
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("id ", id, " is not mapped by ", FormatRanges(ranges)));
}

std::string FormatRanges(const std::vector<IdRange>& ranges) {
  return absl::StrJoin(ranges, ",", [](std::string* out, const IdRange& range) {
    absl::StrAppend(out, range.container, ":", range.host, ":", range.length);
  });
}

}  // namespace floe::snapshotter
