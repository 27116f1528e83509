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

// What toml++ 3.3 may not be given, since it asserts or runs into undefined behaviour there.
struct TomlFault {
  size_t line = 0;  // from 1
  const char* reason = nullptr;
};
// To be asked before toml::parse: the first character beyond ASCII outside texts and comments, or
// the first table header that begins with no name. nullopt: it can be parsed.
std::optional<TomlFault> FaultBeforeParsing(absl::string_view toml);

}  // namespace floe
