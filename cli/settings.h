// SPDX-License-Identifier: Apache-2.0
// What floe takes from the configuration file, and the store and keys that follow from it.
#pragma once

#include <memory>
#include <string>

#include "cli/context.h"
#include "converter/convert.h"
#include "store/settings.h"

namespace floe::cli {

struct Settings {
  store::StoreSettings store;
  store::KeySettings keys;
  converter::ConvertOptions convert;  // [convert]
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
