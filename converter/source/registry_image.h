// SPDX-License-Identifier: Apache-2.0
// docker://REF: images in a registry.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "converter/source/image_destination.h"
#include "converter/source/image_source.h"
#include "registry/options.h"

namespace floe::converter {

absl::StatusOr<std::unique_ptr<ImageSource>> OpenRegistrySource(const std::string& reference,
                                                                const registry::Options& options);

// `mount_from`: the repository, on the same registry, that the blobs may come from; "" for none.
// INVALID_ARGUMENT when `reference` has a digest only and the image turns out to be another.
absl::StatusOr<std::unique_ptr<ImageDestination>> OpenRegistryDestination(
    const std::string& reference, const registry::Options& options,
    const std::string& mount_from = "");

}  // namespace floe::converter
