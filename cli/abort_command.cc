// SPDX-License-Identifier: Apache-2.0
// floe abort [CONNECTION]
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/format.h"
#include "mount/fuse_mount.h"

namespace floe::cli {
namespace {

absl::Status ListConnections(Context& context) {
  FLOE_ASSIGN_OR_RETURN(const std::vector<mount::FuseConnection> connections,
                        mount::ListFuseConnections());
  nlohmann::json array = nlohmann::json::array();
  for (const mount::FuseConnection& connection : connections) {
    if (context.json) {
      array.push_back({{"connection", connection.number}, {"waiting", connection.waiting}});
    } else {
      *context.out << connection.number << "\t" << connection.waiting << " waiting requests\n";
    }
  }
  if (context.json) *context.out << FormatJson(array);
  return absl::OkStatus();
}

}  // namespace

void AddAbortCommand(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "abort", "End a FUSE connection whose daemons are gone; without a number, list connections");
  auto number = std::make_shared<std::optional<uint32_t>>();
  command->add_option("CONNECTION", *number,
                      "Its number, as listed; every reader of its images gets errors from then on");
  command->callback([number, &action] {
    action = [number](Context& context) -> absl::Status {
      if (!number->has_value()) return ListConnections(context);
      return mount::AbortFuseConnection(**number);
    };
  });
}

}  // namespace floe::cli
