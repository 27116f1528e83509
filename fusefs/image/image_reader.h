// SPDX-License-Identifier: Apache-2.0
// (offset, length) of a flat image -> extents -> opened chunks -> pieces of memory. Never waits.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fusefs/image/chunk_loader.h"
#include "fusefs/image/sequential_reads.h"
#include "store/manifest.h"

namespace floe::fusefs {

// A run of bytes of an image, in memory. No chunk: zeros.
struct Piece {
  OpenedChunk chunk;
  size_t offset = 0;  // into the chunk
  size_t length = 0;  // bytes
};

// Thread safe; may go while reads are under way (their callbacks still come).
class ImageReader {
 public:
  using ReadCallback = std::function<void(absl::StatusOr<std::vector<Piece>>)>;

  // `source` gives the image's sealed chunks. `label` is what errors call the image.
  ImageReader(std::shared_ptr<const store::Manifest> manifest, std::shared_ptr<ChunkLoader> loader,
              std::shared_ptr<ChunkSource> source, std::string label);

  // Calls `done` exactly once, with pieces that add up to `length` bytes or with an error that
  // names image and chunk; on this thread when everything is in memory. INVALID_ARGUMENT when the
  // range is not inside the image. Missing chunks are fetched in parallel. Behind a reader that
  // goes forward, chunks that this node has are opened before they are asked for; none is fetched
  // ahead.
  void Read(uint64_t offset, size_t length, const store::RequestOptions& options,
            ReadCallback done) const;

  // Brings the chunks of these ranges into the tiers; `done` gets OK or the first error.
  struct Range {
    uint64_t offset = 0;
    uint64_t length = 0;
  };
  void Prefetch(const std::vector<Range>& ranges, const store::RequestOptions& options,
                std::function<void(absl::Status)> done) const;

  const store::Manifest& manifest() const { return *manifest_; }
  const std::string& label() const { return label_; }

 private:
  struct Wanted {
    size_t piece;    // index into the pieces
    uint32_t chunk;  // index into the manifest's chunks
  };
  std::vector<Wanted> Cut(uint64_t offset, size_t length, std::vector<Piece>& pieces,
                          SequentialReads::Range& extents) const;
  void OpenAhead(SequentialReads::Range touched, const store::RequestOptions& options) const;
  std::vector<uint32_t> ChunksOf(const std::vector<Range>& ranges) const;

  const std::shared_ptr<const store::Manifest> manifest_;
  const std::shared_ptr<ChunkLoader> loader_;
  const std::shared_ptr<ChunkSource> source_;
  const std::string label_;
  mutable SequentialReads reads_;
};

}  // namespace floe::fusefs
