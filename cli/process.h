// SPDX-License-Identifier: Apache-2.0
// floe as a process: standard streams, terminal, signals.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"

namespace floe::cli {

// Runs floe with `arguments` (without the program's name) on the standard streams and returns the
// exit code. The first SIGINT or SIGTERM asks the command to stop and clean up, the second one
// kills. Once per process. `containerd` is null in builds without gRPC.
int RunAsProcess(const std::vector<std::string>& arguments,
                 const converter::ContainerdTransport* containerd,
                 Dialect dialect = Dialect::kFloe);

}  // namespace floe::cli
