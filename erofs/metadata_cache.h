// SPDX-License-Identifier: Apache-2.0
// Reads small pieces of an image through a few cached windows, with every bound checked.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/status.h"
#include "erofs/reader.h"

namespace floe::erofs {

// Not thread safe.
class MetadataCache {
 public:
  // `read` is borrowed.
  MetadataCache(const ReadAt& read, uint64_t image_bytes)
      : read_(read), image_bytes_(image_bytes) {}

  // `size` bytes at `offset`; DATA_LOSS when they are not all inside the image.
  absl::StatusOr<Bytes> Get(uint64_t offset, uint64_t size);

  template <typename T>
  absl::StatusOr<T> Struct(uint64_t offset) {
    FLOE_ASSIGN_OR_RETURN(const Bytes bytes, Get(offset, sizeof(T)));
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

 private:
  static constexpr uint64_t kWindowBytes = 64 << 10;
  struct Window {
    uint64_t offset = ~uint64_t{0};
    Bytes bytes;
  };
  // Inodes, directory blocks and shared xattrs are three places read side by side.
  absl::StatusOr<const Window*> WindowAt(uint64_t offset);

  const ReadAt& read_;
  const uint64_t image_bytes_;
  std::array<Window, 8> windows_;
  size_t next_ = 0;
};

}  // namespace floe::erofs
