// SPDX-License-Identifier: Apache-2.0
// toml++, configured the same way everywhere: it keeps inline functions outside the namespaces that
// tell its configurations apart, so two of them in one program would break each other.
#pragma once

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>
