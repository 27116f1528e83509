// SPDX-License-Identifier: Apache-2.0
#include "fusefs/tier_options.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace floe::fusefs {
namespace {

// Takes a setting that is one of a few words; `out` stays when it is absent.
template <typename T>
absl::Status Choose(ConfigSection& section, const std::string& table, const std::string& key,
                    const std::vector<std::pair<std::string, T>>& choices, T* out) {
  std::string word;
  section.String(key, &word);
  if (word.empty()) return absl::OkStatus();
  std::vector<std::string> words;
  for (const auto& [name, value] : choices) {
    words.push_back(name);
    if (name != word) continue;
    *out = value;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      table, ".", key, " \"", word, "\": must be one of ", absl::StrJoin(words, ", ")));
}

}  // namespace

absl::Status TierOptions::Read(const Config& config) {
  using store::RequestClass;
  FLOE_RETURN_IF_ERROR(cache.Read(config));
  ConfigSection table = config.Section("tiers");
  auto requests = static_cast<int64_t>(origin.requests);
  auto per_image = static_cast<int64_t>(fetches_per_image);
  auto refuse_queued = static_cast<int64_t>(origin.overload.queued);
  table.Int("origin_requests", 1, 100'000, &requests);
  table.Int("image_requests", 1, 100'000, &per_image);
  table.Duration("attempt_timeout", &origin.attempt_timeout);
  table.Int("refuse_queued", 1, 10'000'000, &refuse_queued);
  table.Duration("refuse_wait", &origin.overload.wait);
  const absl::Status disk = Choose<DiskFill>(
      table, "tiers", "disk_fill",
      {{"miss", DiskFill::kMiss}, {"origin", DiskFill::kOrigin}, {"never", DiskFill::kNever}},
      &disk_fill);
  const absl::Status down_to = Choose<RequestClass>(table, "tiers", "fill_class",
                                                    {{"running", RequestClass::kRunning},
                                                     {"start", RequestClass::kStart},
                                                     {"prefetch", RequestClass::kPrefetch},
                                                     {"background", RequestClass::kBackground}},
                                                    &fill_class);
  FLOE_RETURN_IF_ERROR(table.Finish());
  FLOE_RETURN_IF_ERROR(disk);
  FLOE_RETURN_IF_ERROR(down_to);
  origin.requests = static_cast<size_t>(requests);
  fetches_per_image = static_cast<size_t>(per_image);
  origin.overload.queued = static_cast<size_t>(refuse_queued);
  return absl::OkStatus();
}

absl::Status TierOptions::Validate() const {
  if (free_share < 0 || free_share >= 1) {
    return absl::InvalidArgumentError("free-share: must be at least 0 and below 1");
  }
  if (cache_bytes > 0 && cache_bytes < (16 << 20)) {
    return absl::InvalidArgumentError("cache-bytes: at least 16 MiB, or 0 for no disk tier");
  }
  if (disk_threads == 0 || origin_threads == 0 || fetches_per_image == 0 || origin.requests == 0) {
    return absl::InvalidArgumentError("threads and limits: at least 1");
  }
  if (origin.attempt_timeout < std::chrono::milliseconds(100)) {
    return absl::InvalidArgumentError(
        "tiers.attempt_timeout: at least 100ms; a chunk of 1 MiB must arrive within it");
  }
  if (origin.overload.wait < std::chrono::milliseconds(100)) {
    return absl::InvalidArgumentError("tiers.refuse_wait: at least 100ms");
  }
  return absl::OkStatus();
}

}  // namespace floe::fusefs
