// SPDX-License-Identifier: Apache-2.0
// floe-fusefs: serves flat images through FUSE, without privileges.
#include <unistd.h>

#include <iostream>

#include "CLI/CLI.hpp"
#include "fusefs/daemon.h"

namespace {

using floe::fusefs::DaemonOptions;
using floe::fusefs::Ending;

constexpr int kFailed = 1;
constexpr int kBadUsage = 2;
constexpr int kConnectionEnded = 3;

struct Sizes {
  std::string cache;
  std::string memory;
};

void AddOptions(CLI::App& app, DaemonOptions& options, Sizes& sizes) {
  app.add_option("--control", options.control, "Unix socket of the control door");
  app.add_option("--keeper", options.keeper, "Unix socket of floe-keeper");
  app.add_option("--keeper-fd", options.keeper_fd, "Connected socket to floe-keeper, inherited");
  app.add_option("--store", options.tiers.store_address, "Store address, such as folder:/srv/floe");
  app.add_option("--keys", options.keys, "Key directory");
  app.add_option("--user", options.user, "User to run as: a name or a number");
  app.add_option("--cache-dir", options.tiers.cache_dir, "Directory of the disk tier");
  app.add_option("--cache-bytes", sizes.cache, "Limit of the disk tier (\"20 GiB\"); 0: none");
  app.add_option("--free-share", options.tiers.free_share,
                 "Share of the file system that the disk tier leaves free (0.2)");
  app.add_option("--memory-bytes", sizes.memory, "Limit of the memory tier (\"128 MiB\")");
  app.add_option("--metrics", options.metrics,
                 "Address for Prometheus: 127.0.0.1:PORT or a unix socket's path");
  app.add_flag("--allow-unsigned", options.allow_unsigned, "Accept manifests without a signature");
  app.add_option("--log-level", options.log_level, "debug, info, warning or error");
  app.add_flag("--log-json", options.log_json, "Log lines as JSON");
  app.set_version_flag("--version", FLOE_VERSION);
}

absl::Status TakeSizes(const Sizes& sizes, DaemonOptions& options) {
  if (!sizes.cache.empty()) {
    FLOE_ASSIGN_OR_RETURN(options.tiers.cache_bytes, floe::ParseSize(sizes.cache));
  }
  if (!sizes.memory.empty()) {
    FLOE_ASSIGN_OR_RETURN(options.tiers.memory_bytes, floe::ParseSize(sizes.memory));
  }
  return absl::OkStatus();
}

// The file first, so that the flags win: they are parsed into what the file left.
absl::Status ReadConfig(const std::string& path, DaemonOptions& options) {
  FLOE_ASSIGN_OR_RETURN(const floe::Config config, floe::Config::Load(path));
  return options.Read(config);
}

int Fail(const absl::Status& status, int code) {
  std::cerr << "floe-fusefs: " << status.message() << std::endl;
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  DaemonOptions options;
  Sizes sizes;
  std::string config = floe::kDefaultConfigPath;
  {
    CLI::App first("", "floe-fusefs");
    first.add_option("--config", config, "Configuration file");
    first.allow_extras();
    first.set_help_flag();
    CLI11_PARSE(first, argc, argv);
  }
  if (const absl::Status read = ReadConfig(config, options); !read.ok())
    return Fail(read, kBadUsage);
  CLI::App app("Serves flat images through FUSE; started by floe-snapshotter and floe mount.",
               "floe-fusefs");
  app.add_option("--config", config, "Configuration file");
  AddOptions(app, options, sizes);
  CLI11_PARSE(app, argc, argv);
  if (const absl::Status taken = TakeSizes(sizes, options); !taken.ok()) {
    return Fail(taken, kBadUsage);
  }
  floe::SetLogLevel(options.Level());
  floe::SetLogJson(options.log_json);
  const auto ending = floe::fusefs::RunDaemon(options);
  const int code = !ending.ok()                ? Fail(ending.status(), kFailed)
                   : *ending == Ending::kAsked ? 0
                                               : kConnectionEnded;
  // Not exit(): threads may be stuck in a store, and nothing is left to clean up.
  _exit(code);
}
