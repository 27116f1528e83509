// SPDX-License-Identifier: Apache-2.0
// Platforms: "linux/amd64", "linux/arm/v7", and which of them fits another.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace floe::oci {

struct Platform {
  std::string os;            // "linux"
  std::string architecture;  // "amd64"
  std::string variant;       // "v8", mostly empty
  std::string os_version;    // Windows only

  std::string ToString() const;  // os/architecture[/variant]
  friend bool operator==(const Platform&, const Platform&) = default;
};

// "os/arch[/variant]", "arch" (of this host's os) or "os" (of this host's architecture); names are
// normalised as containerd does (x86_64 -> amd64, aarch64 -> arm64, arm64/v8 -> arm64).
absl::StatusOr<Platform> ParsePlatform(absl::string_view text);
Platform Normalized(Platform platform);
Platform HostPlatform();

// How well `offered` serves `wanted`: 0 is exact, larger is worse, negative is not at all. An arm
// host runs lower variants too (v7 runs v6 and v5).
int PlatformDistance(const Platform& wanted, const Platform& offered);

}  // namespace floe::oci
