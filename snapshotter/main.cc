// SPDX-License-Identifier: Apache-2.0
// floe-snapshotter: flags, configuration file, then Serve() or ShutdownAll().
#include <CLI/CLI.hpp>

#include <cstdio>

#include "absl/strings/strip.h"
#include "base/log.h"
#include "snapshotter/serve.h"

namespace {

using floe::snapshotter::DaemonStart;
using floe::snapshotter::ProgramOptions;

void AddFlags(CLI::App& app, ProgramOptions& options) {
  app.add_option("--config", options.config, "Configuration file")->capture_default_str();
  app.add_option("--root", options.root, "Where snapshots and metadata live; one containerd's")
      ->capture_default_str();
  app.add_option("--socket", options.socket, "Socket that containerd connects to")
      ->capture_default_str();
  app.add_option("--runtime-dir", options.runtime_dir, "Sockets of floe-keeper and floe-fusefs")
      ->capture_default_str();
  app.add_option("--keeper", options.keeper_program, "floe-keeper (default: beside this program)");
  app.add_option("--fusefs", options.fusefs_program, "floe-fusefs (default: beside this program)");
  app.add_option("--backend", options.backend, "How images are mounted: auto, file or loop")
      ->capture_default_str();
  app.add_option("--containerd", options.containerd, "containerd's socket, for commits")
      ->capture_default_str();
  app.add_option("--metrics", options.metrics,
                 "Serve metrics: path of a unix socket, or host:port on loopback");
  app.add_flag_callback(
      "--daemons-on-demand", [&options] { options.daemons = DaemonStart::kOnFirstImage; },
      "Start floe-keeper and floe-fusefs with the first floe image");
  app.add_option("--log-level", options.log_level, "debug, info, warning or error")
      ->capture_default_str();
  app.add_flag("--log-json", options.log_json, "One JSON object a line");
  app.set_version_flag("--version", FLOE_VERSION);
}

void SetUpLog(const ProgramOptions& options) {
  using floe::LogLevel;
  floe::SetLogJson(options.log_json);
  floe::SetLogLevel(options.log_level == "debug"     ? LogLevel::kDebug
                    : options.log_level == "warning" ? LogLevel::kWarning
                    : options.log_level == "error"   ? LogLevel::kError
                                                     : LogLevel::kInfo);
}

// Flags stand above the file, whose name is a flag itself.
std::string ConfigNamedIn(int argc, char** argv) {
  const absl::string_view flag = "--config";
  for (int i = 1; i < argc; ++i) {
    absl::string_view word = argv[i];
    if (word == flag && i + 1 < argc) return argv[i + 1];
    if (absl::ConsumePrefix(&word, "--config=")) return std::string(word);
  }
  return floe::kDefaultConfigPath;
}

absl::Status ReadFile(const std::string& path, ProgramOptions& options) {
  FLOE_ASSIGN_OR_RETURN(const floe::Config file, floe::Config::Load(path));
  return options.Read(file);
}

int Report(const absl::Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "floe-snapshotter: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Run(int argc, char** argv) {
  ProgramOptions options;
  absl::Status status = ReadFile(ConfigNamedIn(argc, argv), options);
  CLI::App app(
      "Serves containerd's snapshots and diffs (proxy plugin).\n"
      "Without a command it serves until SIGTERM, which leaves mounts and containers alone.",
      "floe-snapshotter");
  AddFlags(app, options);
  app.fallthrough();
  const CLI::App* shutdown =
      app.add_subcommand("shutdown", "Unmount every image and end floe-fusefs and floe-keeper");
  CLI11_PARSE(app, argc, argv);
  status.Update(options.Validate());
  if (!status.ok()) return Report(status);
  SetUpLog(options);
  return Report(shutdown->parsed() ? floe::snapshotter::ShutdownAll(options)
                                   : floe::snapshotter::Serve(options));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "floe-snapshotter: %s\n", error.what());
    return 1;
  }
}
