// SPDX-License-Identifier: Apache-2.0
// A layer as stored -> its tar: gzip (with several members), zstd (with several frames), or plain.
#pragma once

#include <memory>

#include "base/byte_stream.h"
#include "converter/flatten/flatten.h"

namespace floe::converter {

// Decompresses `stream`. As containerd does, the first bytes win over a declared compression when
// they are another known one; kNone is believed. DATA_LOSS for damage, a missing end, or bytes
// behind the end that are no further member. The end is given only after `stream` itself has
// ended, so its own checks have run.
absl::StatusOr<std::unique_ptr<ByteStream>> Decompress(std::unique_ptr<ByteStream> stream,
                                                       Compression declared);

// What `head`, the first bytes of a stream, shows; kNone when it is no known compression.
Compression SniffCompression(ByteView head);

}  // namespace floe::converter
