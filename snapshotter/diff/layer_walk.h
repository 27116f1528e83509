// SPDX-License-Identifier: Apache-2.0
// From a layer's directory, as overlayfs keeps it, to the tar of an OCI layer: whiteouts (character
// device 0:0) become .wh.<name>, opaque directories hold .wh..wh..opq, everything else is itself.
#pragma once

#include <ctime>
#include <optional>
#include <string>

#include "base/status.h"
#include "snapshotter/diff/tar_writer.h"

namespace floe::snapshotter {

struct LayerWalkOptions {
  // Later modification times become this one (SOURCE_DATE_EPOCH).
  std::optional<time_t> latest_mtime;
};

// Adds all of `directory` but its root; extended attributes: security.capability and user.*.
// Sockets are left out, as containerd does. UNIMPLEMENTED when the layer uses overlayfs features
// that a tar cannot carry (metacopy, redirect); FAILED_PRECONDITION for a file whose name would
// read as a whiteout; ABORTED when the tree changes meanwhile.
absl::Status WriteLayer(const std::string& directory, const LayerWalkOptions& options,
                        TarWriter& tar);

}  // namespace floe::snapshotter
