// SPDX-License-Identifier: Apache-2.0
// What every command gets: the global options, where words go, and when to stop.
#pragma once

#include <functional>
#include <ostream>
#include <string>

#include "base/cancel.h"
#include "base/config.h"
#include "base/status.h"
#include "converter/containerd/transport.h"

namespace floe::cli {

// How the command line is meant.
enum class Dialect {
  kFloe,  // a bare image reference is a registry's
  kCtr,   // every image reference is a name in containerd
};

// What every command gets.
struct Context {
  // Global options, before or after the command's name.
  std::string config_path = kDefaultConfigPath;
  std::string store;  // --store; empty: as configured
  std::string keys;   // --keys; empty: as configured
  std::string log_level = "warning";
  bool json = false;
  bool quiet = false;

  std::ostream* out = nullptr;  // results
  std::ostream* err = nullptr;  // progress and errors
  bool terminal = false;        // err is one
  CancelToken cancel;
  Dialect dialect = Dialect::kFloe;
  // Null in builds without gRPC.
  const converter::ContainerdTransport* containerd = nullptr;
};

// What a command line asks for. Blocks until it is done.
using Action = std::function<absl::Status(Context&)>;

}  // namespace floe::cli
