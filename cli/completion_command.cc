// SPDX-License-Identifier: Apache-2.0
// floe completion bash|zsh|fish
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/completion.h"

namespace floe::cli {

void AddCompletionCommand(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("completion", "Print a completion script for bash, zsh or fish");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &action] {
    action = [shell](Context& context) -> absl::Status {
      // A definition of its own: the one that was parsed is in use.
      Context unused;
      Action none;
      const std::unique_ptr<CLI::App> definition = MakeApp(unused, none);
      *context.out << CompletionScript(*definition, *shell);
      return absl::OkStatus();
    };
  });
}

}  // namespace floe::cli
