// SPDX-License-Identifier: Apache-2.0
// The index.json of an OCI layout: names to images. Used by directories and archives.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "oci/descriptor.h"

namespace floe::converter {

inline constexpr char kLayoutFile[] = "oci-layout";
inline constexpr char kLayoutText[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
inline constexpr char kIndexFile[] = "index.json";
inline constexpr char kRefNameAnnotation[] = "org.opencontainers.image.ref.name";

// FAILED_PRECONDITION unless `text` is an oci-layout file of version 1.
absl::Status CheckLayoutVersion(ByteView text, absl::string_view name);

// The entry called `tag`, or the only one when `tag` is empty. NOT_FOUND or INVALID_ARGUMENT list
// the names there are. Names are org.opencontainers.image.ref.name and, as containerd exports them,
// io.containerd.image.name.
absl::StatusOr<oci::Descriptor> PickFromLayout(ByteView index_json, const std::string& tag,
                                               absl::string_view name);

// The index with `top` under `tag` (replacing what bore it; with an empty tag what bore none).
// `index_json` may be empty: a new layout. Everything else in it is kept.
absl::StatusOr<std::string> AddToLayout(ByteView index_json, const std::string& tag,
                                        const oci::Descriptor& top, absl::string_view name);

// "blobs/sha256/<hex>"; `digest` is a checked one.
std::string LayoutBlobPath(absl::string_view digest);

}  // namespace floe::converter
