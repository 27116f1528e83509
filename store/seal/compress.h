// SPDX-License-Identifier: Apache-2.0
// zstd with pinned parameters: the same bytes in give the same bytes out in every build, because a
// chunk's id depends on them (a golden test guards it).
#pragma once

#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/status.h"

namespace floe::store {

// Compresses one buffer after the other with one context. Not thread safe: one per thread.
class Compressor {
 public:
  // zstd level 1..19.
  explicit Compressor(int level);
  ~Compressor();
  // The frame, valid until the next call; nullopt when it is not shorter than `raw`.
  std::optional<ByteView> Compress(ByteView raw);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Decompresses one frame into exactly `raw`. DATA_LOSS when it is none or has another length.
// Thread safe; the context is per thread.
absl::Status Decompress(ByteView frame, MutableByteView raw);

}  // namespace floe::store
