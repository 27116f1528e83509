// SPDX-License-Identifier: Apache-2.0
// Every command of floe: each function adds one command with its options to `app`, and stores what
// is to be done in `action` when the command is the one given.
#pragma once

#include "cli/context.h"

namespace CLI {
class App;
}

namespace floe::cli {

void AddConvertCommand(CLI::App& app, Action& action);
void AddStoreCommand(CLI::App& app, Action& action);
void AddKeyCommand(CLI::App& app, Action& action);
void AddInspectCommand(CLI::App& app, Action& action);
void AddMountCommand(CLI::App& app, Action& action);
void AddUmountCommand(CLI::App& app, Action& action);
void AddExportCommand(CLI::App& app, Action& action);
void AddAbortCommand(CLI::App& app, Action& action);
void AddCompletionCommand(CLI::App& app, Action& action);

}  // namespace floe::cli
