// SPDX-License-Identifier: Apache-2.0
// What floe takes from the configuration file, and the store and keys that follow from it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/context.h"
#include "converter/convert.h"
#include "store/keys/key_directory.h"
#include "store/origin/open_store.h"

namespace floe::cli {

struct Settings {
  // [store]
  std::string store_address = store::kDefaultStoreAddress;
  bool store_is_default = true;  // neither configured nor given
  std::optional<store::StoreId> store_id;
  // [keys]
  std::string key_directory = store::kDefaultKeyDirectory;
  bool allow_unsigned = false;
  // [convert]
  converter::ConvertOptions convert;
};

// The file, then --store and --keys over it. INVALID_ARGUMENT with file and line.
absl::StatusOr<Settings> LoadSettings(const Context& context);

// The configured store. With nothing configured and nothing there, `create` makes the default
// store, and says so on context.err.
enum class CreateDefault { kYes, kNo };
absl::StatusOr<std::shared_ptr<store::StoreHandle>> OpenConfiguredStore(
    const Context& context, const Settings& settings, CreateDefault create = CreateDefault::kNo);

// The keys that a conversion into `store` uses; own keys are made on first use. `recipients` are
// ids of further recipient keys, as `floe key list` shows them.
absl::StatusOr<converter::ConvertKeys> LoadConvertKeys(const Context& context,
                                                       const Settings& settings,
                                                       const store::StoreHandle& store,
                                                       const std::vector<std::string>& recipients);

}  // namespace floe::cli
