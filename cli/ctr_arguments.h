// SPDX-License-Identifier: Apache-2.0
// ctr's command line, as far as ctr-floe has to understand it: which calls are `images convert`,
// and what floe is to do for them. Facts: the flags of containerd's cmd/ctr, 1.6 to 2.4.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace floe::cli {

// Arguments for floe (with Context::ctr set) when `arguments` (without the program's name) are
// `[global flags] images convert ...`; nullopt when ctr itself has to run. INVALID_ARGUMENT for a
// flag of ctr's convert that floe cannot honour.
absl::StatusOr<std::optional<std::vector<std::string>>> FloeArgumentsOfCtr(
    const std::vector<std::string>& arguments);

}  // namespace floe::cli
