// SPDX-License-Identifier: Apache-2.0
// containerd://NAME: images in containerd's own store.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "converter/containerd/transport.h"

namespace floe::converter {

// `name` as containerd has it; a short one ("alpine") also finds "docker.io/library/alpine:latest".
absl::StatusOr<std::unique_ptr<ImageSource>> OpenContainerdSource(const std::string& name,
                                                                  const ContainerdOptions& options);

// Creates the image `name`, or lets it point to the new target; labels of an image that is there
// stay.
absl::StatusOr<std::unique_ptr<ImageDestination>> OpenContainerdDestination(
    const std::string& name, const ContainerdOptions& options);

}  // namespace floe::converter
