// SPDX-License-Identifier: Apache-2.0
// oci-archive:FILE[:TAG]: an OCI layout in a tar file.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "converter/source/image_destination.h"
#include "converter/source/image_source.h"

namespace floe::converter {

// `work_dir`: see TarFile.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenOciArchiveSource(const std::string& file,
                                                                  const std::string& tag,
                                                                  const std::string& work_dir);

// Makes a new archive with this one image; what was at `file` is replaced when it is complete.
absl::StatusOr<std::unique_ptr<ImageDestination>> OpenOciArchiveDestination(const std::string& file,
                                                                            const std::string& tag);

}  // namespace floe::converter
