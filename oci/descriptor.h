// SPDX-License-Identifier: Apache-2.0
// A descriptor: what an image's documents say of a blob (OCI image-spec, descriptor.md).
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "oci/platform.h"

namespace floe::oci {

using Annotations = std::map<std::string, std::string>;

struct Descriptor {
  std::string media_type;
  std::string digest;  // "sha256:..."; checked when parsed
  uint64_t size = 0;   // bytes
  Annotations annotations;
  std::optional<Platform> platform;  // on entries of an index
  std::string artifact_type;
  std::string
      other;  // members floe does not know, as a JSON object's text; kept when written again
};

// INVALID_ARGUMENT, naming `what`, for a missing or malformed member.
absl::StatusOr<Descriptor> DescriptorFromJson(const nlohmann::json& json, absl::string_view what);
nlohmann::json ToJson(const Descriptor& descriptor);

// The descriptor of `bytes`.
Descriptor DescribeBytes(absl::string_view media_type, ByteView bytes);

}  // namespace floe::oci
