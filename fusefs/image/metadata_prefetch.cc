// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/metadata_prefetch.h"

#include "erofs/reader.h"
#include "store/blocking.h"

namespace floe::fusefs {
namespace {

using PiecesOr = absl::StatusOr<std::vector<Piece>>;

absl::StatusOr<Bytes> ReadBlocking(const ImageReader& reader, uint64_t offset, size_t length,
                                   const store::RequestOptions& options) {
  FLOE_ASSIGN_OR_RETURN(const std::vector<Piece> pieces,
                        store::WaitFor<PiecesOr>([&](std::function<void(PiecesOr)> done) {
                          reader.Read(offset, length, options, std::move(done));
                        }));
  Bytes bytes;
  for (const Piece& piece : pieces) {
    if (!piece.chunk) {
      bytes.resize(bytes.size() + piece.length);
      continue;
    }
    const auto begin = piece.chunk->begin() + static_cast<ptrdiff_t>(piece.offset);
    bytes.insert(bytes.end(), begin, begin + static_cast<ptrdiff_t>(piece.length));
  }
  return bytes;
}

}  // namespace

absl::Status PrefetchMetadata(const ImageReader& reader, const store::RequestOptions& options) {
  const uint64_t size = reader.manifest().image_size;
  if (size < store::kBlockBytes) {
    return absl::FailedPreconditionError("the manifest's image is too small for a file system");
  }
  FLOE_ASSIGN_OR_RETURN(const Bytes first, ReadBlocking(reader, 0, store::kBlockBytes, options));
  std::vector<ImageReader::Range> ranges;
  for (const erofs::ByteRange& range : erofs::MetadataRanges(first, size)) {
    ranges.push_back({range.offset, range.length});
  }
  return store::WaitFor<absl::Status>([&](std::function<void(absl::Status)> done) {
    reader.Prefetch(ranges, options, std::move(done));
  });
}

}  // namespace floe::fusefs
