// SPDX-License-Identifier: Apache-2.0
// Names of images in registries, read as Docker and containerd read them.
#pragma once

#include <string>

#include "base/status.h"

namespace floe::registry {

// "alpine" is {docker.io, library/alpine, latest, ""}.
struct Reference {
  std::string host;        // "docker.io", "registry.test:5000", "[::1]:5000"
  std::string repository;  // "library/alpine"
  std::string tag;         // "latest" when the text has neither tag nor digest
  std::string digest;      // "sha256:..." or empty

  // What is asked for: the digest where there is one, else the tag.
  const std::string& target() const { return digest.empty() ? tag : digest; }
  std::string ToString() const;
};

// INVALID_ARGUMENT names the part that is wrong.
absl::StatusOr<Reference> ParseReference(absl::string_view text);

// True for localhost, 127.0.0.0/8 and ::1, with or without a port.
bool IsLocalhost(absl::string_view host);
// The port of "host:port", "" without one.
absl::string_view PortOf(absl::string_view host);

}  // namespace floe::registry
