// SPDX-License-Identifier: Apache-2.0
// SRC and DST on the command line.
//
//   docker://REF                    a registry; a bare REF means this too
//   containerd://REF                containerd's image store (--address, --namespace)
//   oci:DIR[:TAG]                   an OCI layout
//   oci-archive:FILE[:TAG]          an OCI layout in a tar file
//   docker-archive:FILE[:REF]       what `docker save` writes
//
// DIR and FILE end at the first colon, as in skopeo.
#pragma once

#include <string>

#include "base/status.h"

namespace floe::converter {

enum class Transport { kRegistry, kContainerd, kOciLayout, kOciArchive, kDockerArchive };

struct ImageLocation {
  Transport transport = Transport::kRegistry;
  std::string path;       // DIR or FILE; empty for the first two
  std::string reference;  // REF or TAG; may be empty for the last three

  std::string ToString() const;
};

// INVALID_ARGUMENT with the forms above for anything else.
absl::StatusOr<ImageLocation> ParseLocation(absl::string_view text);

}  // namespace floe::converter
