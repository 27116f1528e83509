// SPDX-License-Identifier: Apache-2.0
// oci:DIR[:TAG]: images in a directory (OCI image-spec, image-layout.md).
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "converter/source/image_destination.h"
#include "converter/source/image_source.h"

namespace floe::converter {

absl::StatusOr<std::unique_ptr<ImageSource>> OpenOciLayoutSource(const std::string& directory,
                                                                 const std::string& tag);

// Creates the layout when there is none. Blobs wait in a directory of their own inside it until
// Finish moves them in and replaces index.json, under a lock on the directory, so that several
// writers of one layout lose nothing.
absl::StatusOr<std::unique_ptr<ImageDestination>> OpenOciLayoutDestination(
    const std::string& directory, const std::string& tag);

}  // namespace floe::converter
