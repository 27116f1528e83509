// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "converter/flatten/compressed_input.h"

namespace floe::converter {

// Inflates all members of a gzip stream and checks CRC and length of each. Zero bytes behind the
// last member are padding.
std::unique_ptr<ByteStream> GzipStream(std::unique_ptr<CompressedInput> input);

}  // namespace floe::converter
