// SPDX-License-Identifier: Apache-2.0
// What every program takes from the tables [store] and [keys] of the configuration file.
#pragma once

#include <optional>
#include <string>

#include "base/config.h"
#include "store/keys/key_directory.h"
#include "store/origin/open_store.h"

namespace floe::store {

struct StoreSettings {
  std::string address = kDefaultStoreAddress;
  bool is_default = true;  // neither configured nor given
  std::optional<StoreId> id;
  std::string fast;  // address of a faster origin before this one; empty: none

  // Takes what is there and leaves the rest alone. INVALID_ARGUMENT with file and line.
  absl::Status Read(const Config& config);
};

struct KeySettings {
  std::string directory = kDefaultKeyDirectory;
  bool allow_unsigned = false;

  absl::Status Read(const Config& config);  // as StoreSettings::Read
};

}  // namespace floe::store
