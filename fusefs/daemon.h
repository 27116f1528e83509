// SPDX-License-Identifier: Apache-2.0
// floe-fusefs put together: what is opened as root, what runs without rights, in which order.
#pragma once

#include <string>

#include "base/config.h"
#include "base/log.h"
#include "base/status.h"
#include "fusefs/daemon/privileges.h"
#include "fusefs/fuse/image_fs.h"
#include "fusefs/tiers.h"

namespace floe::fusefs {

struct DaemonOptions {
  std::string control = "/run/floe/fusefs.sock";
  std::string keeper = "/run/floe/keeper.sock";
  int keeper_fd = -1;  // a connected socket, inherited; before `keeper`
  std::string keys = store::kDefaultKeyDirectory;
  std::string user = kDefaultUser;
  bool allow_unsigned = false;
  // Where Prometheus may ask: "127.0.0.1:PORT", "[::1]:PORT" or a unix socket's path; empty:
  // nowhere.
  std::string metrics;
  std::string log_level = "info";  // debug, info, warning, error
  bool log_json = false;
  size_t fuse_threads = 2;
  TierOptions tiers;
  ImageFsOptions fs;

  // Takes what the tables [store], [keys], [fusefs] and [log] say.
  absl::Status Read(const Config& config);
  absl::Status Validate() const;
  LogLevel Level() const;
};

enum class Ending {
  kAsked,       // SIGTERM, SIGINT, SIGHUP
  kConnection,  // the kernel ended the FUSE connection
};

// Runs until asked to end, and then never returns an image to anybody: unanswered requests stay in
// the kernel for a successor. The caller ends the process with _exit: threads may still be stuck in
// a store, and everything that must survive is in the keeper. Errors name thing, reason and remedy.
absl::StatusOr<Ending> RunDaemon(const DaemonOptions& options);

}  // namespace floe::fusefs
