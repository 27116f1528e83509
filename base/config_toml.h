// SPDX-License-Identifier: Apache-2.0
// toml++, configured the same way everywhere: it keeps inline functions outside the namespaces that
// tell its configurations apart, so two of them in one program would break each other.
#pragma once

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <optional>

#include "absl/strings/string_view.h"

namespace floe {

// The line of the first character beyond ASCII that stands outside texts and comments, where TOML
// knows none; nullopt when there is none. To be asked before toml::parse, whose version 3.3 runs
// into undefined behaviour on some of them.
std::optional<size_t> LineOfStrayCharacter(absl::string_view toml);

}  // namespace floe
