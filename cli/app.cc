// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/exit_code.h"

namespace floe::cli {
namespace {

const std::map<std::string, LogLevel> kLogLevels = {{"debug", LogLevel::kDebug},
                                                    {"info", LogLevel::kInfo},
                                                    {"warning", LogLevel::kWarning},
                                                    {"error", LogLevel::kError}};

void AddGlobalOptions(CLI::App& app, Context& context) {
  app.add_option("--config", context.config_path, "Configuration file")
      ->envname("FLOE_CONFIG")
      ->capture_default_str();
  app.add_option("--store", context.store,
                 "Store address, such as folder:/srv/floe or s3://bucket/floe")
      ->envname("FLOE_STORE");
  app.add_option("--keys", context.keys, "Key directory")->envname("FLOE_KEYS");
  app.add_option("--log-level", context.log_level, "debug, info, warning or error")
      ->check(CLI::IsMember(kLogLevels))
      ->capture_default_str();
  app.add_flag("--json", context.json, "Results and errors as JSON");
  app.add_flag("-q,--quiet", context.quiet, "No progress and no remarks");
}

void PrintError(const Context& context, const std::string& code, const std::string& message) {
  if (context.json) {
    const nlohmann::json error = {{"error", {{"code", code}, {"message", message}}}};
    *context.err << error.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    *context.err << "floe: " << message << "\n";
  }
}

// --help and --version end parsing with exit code 0 and are written to `out`.
int EndParsing(const CLI::App& app, const CLI::ParseError& error, const Context& context) {
  if (error.get_exit_code() == 0) return app.exit(error, *context.out, *context.err);
  PrintError(context, "USAGE", std::string(error.what()) + "; see " + app.get_name() + " --help");
  return kExitUsage;
}

}  // namespace

std::unique_ptr<CLI::App> MakeApp(Context& context, Action& action) {
  auto app = std::make_unique<CLI::App>(
      "Converts container images so that they start before they are there, and looks after them.",
      "floe");
  app->set_version_flag("--version", "floe " FLOE_VERSION);
  AddGlobalOptions(*app, context);
  AddConvertCommand(*app, action);
  AddStoreCommand(*app, action);
  AddKeyCommand(*app, action);
  AddInspectCommand(*app, action);
  AddMountCommand(*app, action);
  AddUmountCommand(*app, action);
  AddExportCommand(*app, action);
  AddAbortCommand(*app, action);
  AddCompletionCommand(*app, action);
  app->require_subcommand(1);
  // Global options are understood behind the command's name too.
  app->fallthrough();
  for (CLI::App* command : app->get_subcommands({})) {
    command->fallthrough();
    for (CLI::App* inner : command->get_subcommands({})) inner->fallthrough();
  }
  return app;
}

int RunFloe(std::vector<std::string> arguments, Context& context) {
  Action action;
  const std::unique_ptr<CLI::App> app = MakeApp(context, action);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app->parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return EndParsing(*app, error, context);
  }
  SetLogLevel(kLogLevels.at(context.log_level));
  const absl::Status status = action(context);
  if (!status.ok()) {
    PrintError(context, absl::StatusCodeToString(status.code()), std::string(status.message()));
  }
  return ExitCodeOf(status);
}

}  // namespace floe::cli
