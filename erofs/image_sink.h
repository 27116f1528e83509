// SPDX-License-Identifier: Apache-2.0
// Where a flat image's bytes go, in order.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/status.h"

namespace floe::erofs {

// Gets an image as consecutive runs from offset 0 to its end. Every run is a whole number of
// 4 KiB blocks. An error stops the image and is handed to whoever emits it. Calls come from one
// thread at a time.
class ImageSink {
 public:
  virtual ~ImageSink() = default;
  // `blocks` is valid during the call only; at most 1 MiB.
  virtual absl::Status Data(ByteView blocks) = 0;
  // `bytes` zero bytes, any length. (A run given to Data may be zero too: only what is known to be
  // zero without looking comes here.)
  virtual absl::Status Zeros(uint64_t bytes) = 0;
};

}  // namespace floe::erofs
