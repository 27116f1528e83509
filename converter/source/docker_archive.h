// SPDX-License-Identifier: Apache-2.0
// docker-archive:FILE[:REF]: what `docker save` writes and `docker load` reads (moby, image/spec).
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "converter/source/image_destination.h"
#include "converter/source/image_source.h"

namespace floe::converter {

// The manifest, which such archives do not have, is made up: Docker schema 2 over the layers as
// they lie there (mostly not compressed; their digests are then the config's diff ids).
absl::StatusOr<std::unique_ptr<ImageSource>> OpenDockerArchiveSource(const std::string& file,
                                                                     const std::string& reference,
                                                                     const std::string& work_dir);

// Makes a new archive with this one image of one platform. Layers stay as they are (docker load,
// podman and skopeo take gzip and zstd in their place).
absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDockerArchiveDestination(
    const std::string& file, const std::string& reference);

}  // namespace floe::converter
