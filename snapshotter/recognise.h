// SPDX-License-Identifier: Apache-2.0
// Recognises a floe layer by its content. Clients rewrite media types and annotations, so nothing
// else counts: the layer holds the one regular file .floe/manifest, which begins with floe's magic,
// and nothing else. Whether the manifest can be used is not asked here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"

namespace floe::snapshotter {

// First bytes of a manifest, and the longest there is (store/manifest.h; a test compares).
inline constexpr char kFloeMagic[9] = "FLOEMAN1";
inline constexpr uint64_t kMaxManifestBytes = 256 << 20;

// The manifest of the layer unpacked in `directory`, open for reading; an invalid descriptor when
// it is an ordinary layer. Nothing in the layer is trusted: no link is followed, nothing blocks.
absl::StatusOr<UniqueFd> FindManifest(const std::string& directory);

// Copies the open manifest into `manifests` under its SHA-256 in hexadecimal, durably, and returns
// that name. OUT_OF_RANGE when the file turns out to be longer than kMaxManifestBytes.
absl::StatusOr<std::string> KeepManifest(int manifest, const std::string& manifests);

}  // namespace floe::snapshotter
