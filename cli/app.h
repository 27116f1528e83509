// SPDX-License-Identifier: Apache-2.0
// The command line of floe as a whole.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/context.h"

namespace CLI {
class App;
}

namespace floe::cli {

// All commands and global options. `context` and `action` are borrowed and written when `app`
// parses.
std::unique_ptr<CLI::App> MakeApp(Context& context, Action& action);

// Parses `arguments` (without the program's name), runs, prints what went wrong, and returns the
// exit code. `context` says where words go.
int RunFloe(std::vector<std::string> arguments, Context& context);

}  // namespace floe::cli
