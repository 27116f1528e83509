// SPDX-License-Identifier: Apache-2.0
// toml++, configured the same way everywhere: it keeps inline functions outside the namespaces that
// tell its configurations apart, so two of them in one program would break each other.
#pragma once

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
// Its assertions fail on some bad documents ("[+]"), where its own checks behind them say what is
// wrong.
#define TOML_ASSERT(expr) static_cast<void>(0)
#include <toml++/toml.h>

#include <optional>

#include "absl/strings/string_view.h"

namespace floe {

// What toml++ 3.3 may not be given: a character beyond ASCII outside texts and comments, where it
// runs into undefined behaviour. To be asked before toml::parse.
struct TomlFault {
  size_t line = 0;  // from 1
  const char* reason = nullptr;
};
// Line by line and so stricter than TOML: such characters stand in comments only (texts write them
// as \u00e7). nullopt: it can be parsed.
std::optional<TomlFault> FaultBeforeParsing(absl::string_view toml);

}  // namespace floe
