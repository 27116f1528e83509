// SPDX-License-Identifier: Apache-2.0
// floe-snapshotter's two commands, composed from the parts.
#pragma once

#include "base/status.h"
#include "snapshotter/options.h"

namespace floe::snapshotter {

// Serves containerd until SIGTERM or SIGINT. Daemons and mounts stay: containers run on, and the
// next floe-snapshotter takes over. Blocks those signals in this process.
absl::Status Serve(const ProgramOptions& options);

// Unmounts every image and ends floe-fusefs and floe-keeper. FAILED_PRECONDITION while a
// floe-snapshotter serves the root.
absl::Status ShutdownAll(const ProgramOptions& options);

}  // namespace floe::snapshotter
