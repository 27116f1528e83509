// SPDX-License-Identifier: Apache-2.0
// Bytes of a layer in big pieces, from this thread or from a helper thread.
#pragma once

#include <memory>

#include "base/byte_stream.h"
#include "base/bytes.h"
#include "base/status.h"

namespace floe::converter {

inline constexpr size_t kPieceBytes = 512 << 10;

// Not thread safe.
class PieceSource {
 public:
  virtual ~PieceSource() = default;
  // The next bytes, valid until the next call; empty at the end, which is reached only after the
  // stream's own checks. An error is final.
  virtual absl::StatusOr<ByteView> Next() = 0;
};

// Reads `stream` in the caller's thread.
std::unique_ptr<PieceSource> ReadInline(std::unique_ptr<ByteStream> stream);

// Reads `stream` ahead in a thread of its own, a few pieces at most. The destructor stops it; it
// waits for a Read that is under way.
std::unique_ptr<PieceSource> ReadAhead(std::unique_ptr<ByteStream> stream);

}  // namespace floe::converter
