// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "converter/flatten/compressed_input.h"

namespace floe::converter {

// Decompresses all frames of a zstd stream, skippable ones left out; windows up to 128 MiB.
std::unique_ptr<ByteStream> ZstdStream(std::unique_ptr<CompressedInput> input);

}  // namespace floe::converter
