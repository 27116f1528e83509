// SPDX-License-Identifier: Apache-2.0
// The labels by which containerd's garbage collection finds what an image needs
// (containerd, docs/garbage-collection.md).
#pragma once

#include <map>
#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace floe::converter {

// For the blob of a manifest or index of this media type. INVALID_ARGUMENT for anything else.
absl::StatusOr<std::map<std::string, std::string>> GcLabels(absl::string_view media_type,
                                                            ByteView bytes);

// On a layer: its diff id, which other tools would have to unpack it for.
inline constexpr char kUncompressedLabel[] = "containerd.io/uncompressed";

}  // namespace floe::converter
