// SPDX-License-Identifier: Apache-2.0
// A sequence of bytes read once, front to back: a layer from a registry, a file, an archive member.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/status.h"

namespace floe {

// Not thread safe.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Puts 1..out.size() bytes into `out` and gives their number; 0 at the end, reached only after
  // every check the stream makes (digest, length) has passed. An error is final.
  virtual absl::StatusOr<size_t> Read(MutableByteView out) = 0;
};

}  // namespace floe
