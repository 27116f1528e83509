// SPDX-License-Identifier: Apache-2.0
#include "erofs/metadata_cache.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace floe::erofs {

absl::StatusOr<const MetadataCache::Window*> MetadataCache::WindowAt(uint64_t offset) {
  const uint64_t start = offset / kWindowBytes * kWindowBytes;
  for (const Window& window : windows_) {
    if (window.offset == start) return &window;
  }
  Window& window = windows_[next_++ % windows_.size()];
  window.offset = ~uint64_t{0};
  window.bytes.resize(std::min(kWindowBytes, image_bytes_ - start));
  FLOE_RETURN_IF_ERROR(read_(start, window.bytes));
  window.offset = start;
  return &window;
}

absl::StatusOr<Bytes> MetadataCache::Get(uint64_t offset, uint64_t size) {
  if (offset > image_bytes_ || size > image_bytes_ - offset) {
    return absl::DataLossError(absl::StrCat("the image is damaged: it refers to bytes ", offset,
                                            "..", offset + size, " of ", image_bytes_));
  }
  Bytes bytes;
  bytes.reserve(size);
  while (bytes.size() < size) {
    const uint64_t at = offset + bytes.size();
    FLOE_ASSIGN_OR_RETURN(const Window* window, WindowAt(at));
    const uint64_t skip = at - window->offset;
    const uint64_t piece = std::min(size - bytes.size(), window->bytes.size() - skip);
    const auto begin = window->bytes.begin() + static_cast<ptrdiff_t>(skip);
    bytes.insert(bytes.end(), begin, begin + static_cast<ptrdiff_t>(piece));
  }
  return bytes;
}

}  // namespace floe::erofs
