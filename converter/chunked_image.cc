// SPDX-License-Identifier: Apache-2.0
#include "converter/chunked_image.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace floe::converter {

using store::Extent;
using store::kBlockBytes;

ChunkedImage::ChunkedImage(const store::Manifest& manifest,
                           std::shared_ptr<store::ChunkStore> chunks, size_t cached_chunks)
    : manifest_(manifest), chunks_(std::move(chunks)), cached_chunks_(cached_chunks) {}

absl::Status ChunkedImage::ReadAt(uint64_t offset, MutableByteView out) {
  if (offset > manifest_.image_size || out.size() > manifest_.image_size - offset) {
    return absl::OutOfRangeError(absl::StrCat("read of ", out.size(), " bytes at ", offset,
                                              " in a flat image of ", manifest_.image_size));
  }
  std::fill(out.begin(), out.end(), 0);
  const std::vector<Extent>& extents = manifest_.extents;
  // The last extent that begins at or before the offset, then on while they touch the range.
  auto extent = std::upper_bound(
      extents.begin(), extents.end(), offset / kBlockBytes,
      [](uint64_t block, const Extent& candidate) { return block < candidate.first_block; });
  if (extent != extents.begin()) --extent;
  const uint64_t end = offset + out.size();
  for (; extent != extents.end(); ++extent) {
    const uint64_t begin = uint64_t{extent->first_block} * kBlockBytes;
    if (begin >= end) break;
    const uint64_t extent_end = begin + manifest_.chunks[extent->chunk].raw_length;
    if (extent_end <= offset) continue;
    FLOE_ASSIGN_OR_RETURN(const Bytes* raw, Open(extent->chunk));
    const uint64_t from = std::max(begin, offset);
    const uint64_t to = std::min(extent_end, end);
    std::copy_n(raw->begin() + static_cast<ptrdiff_t>(from - begin), to - from,
                out.begin() + static_cast<ptrdiff_t>(from - offset));
  }
  return absl::OkStatus();
}

absl::StatusOr<const Bytes*> ChunkedImage::Open(uint32_t chunk) {
  if (const auto found = by_chunk_.find(chunk); found != by_chunk_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return &recent_.front().raw;
  }
  const store::ChunkRef& ref = manifest_.chunks[chunk];
  store::RequestOptions options;
  options.request_class = store::RequestClass::kBackground;
  const auto sealed = GetBlocking(*chunks_, ref.id, options);
  if (!sealed.ok()) {
    return Annotate(sealed.status(),
                    absl::StrCat("chunk ", ref.id.ToHex(), " in ", chunks_->Name()));
  }
  Bytes raw(ref.raw_length);
  FLOE_RETURN_IF_ERROR(Annotate(OpenChunk(*sealed, ref, raw), ref.id.ToHex()));
  if (recent_.size() >= cached_chunks_) {
    by_chunk_.erase(recent_.back().chunk);
    recent_.pop_back();
  }
  recent_.push_front({chunk, std::move(raw)});
  by_chunk_[chunk] = recent_.begin();
  return &recent_.front().raw;
}

}  // namespace floe::converter
