// SPDX-License-Identifier: Apache-2.0
// Writing blobs to files: verified on the way, taken back when they are wrong.
#pragma once

#include <string>

#include "base/byte_stream.h"
#include "base/status.h"
#include "oci/descriptor.h"

namespace floe::converter {

// Appends what `stream` gives to `fd` at its position. DATA_LOSS, naming `name`, when digest or
// size are not those of `descriptor`; the file then holds what came.
absl::Status CopyVerified(ByteStream& stream, const oci::Descriptor& descriptor, int fd,
                          absl::string_view name);

// Writes a new file `path` with the blob and syncs it. Removed again on failure.
absl::Status WriteBlobFile(const std::string& path, const oci::Descriptor& descriptor,
                           ByteStream& stream, absl::string_view name);

// True when `path` is a file of exactly this blob (size and digest).
absl::StatusOr<bool> IsBlobFile(const std::string& path, const oci::Descriptor& descriptor);

}  // namespace floe::converter
