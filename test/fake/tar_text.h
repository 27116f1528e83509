// SPDX-License-Identifier: Apache-2.0
// Small tars as texts, for tests that need a layer and do not care for its subtleties.
#pragma once

#include <string>

namespace floe::fake {

// One regular file as a ustar member: mode 0644, owner 0:0, mtime 0. `name` is at most 100 bytes.
std::string TarFile(const std::string& name, const std::string& data);
// Members with the end of a tar behind them.
std::string Tar(const std::string& members);

}  // namespace floe::fake
