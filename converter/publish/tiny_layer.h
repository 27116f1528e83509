// SPDX-License-Identifier: Apache-2.0
// The one layer of a published image: a tar with /.floe/manifest in a gzip frame, and its reader.
#pragma once

#include "base/byte_stream.h"
#include "base/bytes.h"
#include "base/status.h"

namespace floe::converter {

// The plain tar (POSIX ustar): directory ".floe/" (0755), file ".floe/manifest" (0444), owner 0:0,
// time 0, then two zero blocks. A pure function of `manifest`.
Bytes TinyLayerTar(ByteView manifest);

// `bytes` as a gzip member of stored blocks: no compressor takes part, so that the result is the
// same with every version of every library. (The manifest is ciphertext and hashes: it would not
// shrink.)
Bytes GzipStored(ByteView bytes);

// Finds the manifest in a layer's gzip or plain tar, as floe, nerdctl commit or docker wrote it
// ("./" before names and directory entries are fine). NOT_FOUND when the layer holds anything else.
// `name` is for messages.
absl::StatusOr<Bytes> ManifestFromLayer(ByteStream& layer, absl::string_view name);

}  // namespace floe::converter
