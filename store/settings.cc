// SPDX-License-Identifier: Apache-2.0
#include "store/settings.h"

#include <algorithm>

namespace floe::store {

absl::Status StoreSettings::Read(const Config& config) {
  ConfigSection section = config.Section("store");
  std::string configured;
  std::string hex;
  section.String("address", &configured);
  section.String("id", &hex);
  section.String("fast", &fast);
  FLOE_RETURN_IF_ERROR(section.Finish());
  if (!configured.empty()) {
    address = configured;
    is_default = false;
  }
  if (hex.empty()) return absl::OkStatus();
  const std::optional<Bytes> bytes = FromHex(hex);
  StoreId parsed;
  if (!bytes || bytes->size() != parsed.size()) {
    return absl::InvalidArgumentError(
        "store.id must be the 32 hexadecimal digits that `floe store stat` shows");
  }
  std::copy(bytes->begin(), bytes->end(), parsed.begin());
  id = parsed;
  return absl::OkStatus();
}

absl::Status KeySettings::Read(const Config& config) {
  ConfigSection section = config.Section("keys");
  section.String("directory", &directory);
  section.Bool("allow_unsigned", &allow_unsigned);
  return section.Finish();
}

}  // namespace floe::store
