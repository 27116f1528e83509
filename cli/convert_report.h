// SPDX-License-Identifier: Apache-2.0
// What a conversion did, in words or as JSON.
#pragma once

#include <string>

#include "cli/context.h"
#include "converter/convert.h"

namespace floe::cli {

// Writes to context.out. `destination` is what the user called it.
void PrintConvertReport(const converter::ConvertReport& report, const std::string& destination,
                        const Context& context);

}  // namespace floe::cli
