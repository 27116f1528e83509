// SPDX-License-Identifier: Apache-2.0
// Shell completions generated from the command line's definition, so that they cannot lag behind.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace floe::cli {

// `shell` is "bash", "zsh" or "fish".
std::string CompletionScript(const CLI::App& app, const std::string& shell);

}  // namespace floe::cli
