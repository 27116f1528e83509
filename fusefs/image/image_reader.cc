// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/image_reader.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"

namespace floe::fusefs {
namespace {

using store::Extent;
using store::kBlockBytes;

// Pieces that arrive in any order; the last one, or the first error, ends the read.
class Gathering {
 public:
  Gathering(std::vector<Piece> pieces, size_t missing, ImageReader::ReadCallback done)
      : pieces_(std::move(pieces)), missing_(missing), done_(std::move(done)) {}

  void Arrived(size_t piece, absl::StatusOr<OpenedChunk> chunk) FLOE_EXCLUDES(mutex_) {
    ImageReader::ReadCallback done;
    absl::Status failure = chunk.status();
    std::vector<Piece> pieces;
    {
      MutexLock lock(mutex_);
      if (!done_) return;
      if (failure.ok()) {
        pieces_[piece].chunk = *std::move(chunk);
        if (--missing_ > 0) return;
        pieces = std::move(pieces_);
      }
      done = std::exchange(done_, nullptr);
    }
    if (failure.ok()) {
      done(std::move(pieces));
    } else {
      done(std::move(failure));
    }
  }

 private:
  Mutex mutex_;
  std::vector<Piece> pieces_ FLOE_GUARDED_BY(mutex_);
  size_t missing_ FLOE_GUARDED_BY(mutex_);
  ImageReader::ReadCallback done_ FLOE_GUARDED_BY(mutex_);
};

// The first extent that ends after `block`.
std::vector<Extent>::const_iterator FirstTouching(const store::Manifest& manifest, uint64_t block) {
  auto extent = std::upper_bound(manifest.extents.begin(), manifest.extents.end(), block,
                                 [](uint64_t b, const Extent& e) { return b < e.first_block; });
  if (extent == manifest.extents.begin()) return extent;
  const Extent& before = *std::prev(extent);
  const uint64_t blocks = manifest.chunks[before.chunk].raw_length / kBlockBytes;
  return block < before.first_block + blocks ? std::prev(extent) : extent;
}

}  // namespace

ImageReader::ImageReader(std::shared_ptr<const store::Manifest> manifest,
                         std::shared_ptr<ChunkLoader> loader, std::shared_ptr<ChunkSource> source,
                         std::string label)
    : manifest_(std::move(manifest)),
      loader_(std::move(loader)),
      source_(std::move(source)),
      label_(std::move(label)) {}

// `extents`: those that the pieces come from.
std::vector<ImageReader::Wanted> ImageReader::Cut(uint64_t offset, size_t length,
                                                  std::vector<Piece>& pieces,
                                                  SequentialReads::Range& extents) const {
  std::vector<Wanted> wanted;
  const uint64_t end = offset + length;
  auto extent = FirstTouching(*manifest_, offset / kBlockBytes);
  extents.begin = static_cast<uint32_t>(extent - manifest_->extents.begin());
  for (uint64_t at = offset; at < end;) {
    const uint64_t start =
        extent == manifest_->extents.end()
            ? end
            : std::min<uint64_t>(end, uint64_t{extent->first_block} * kBlockBytes);
    if (at < start) {  // a gap
      pieces.push_back({nullptr, 0, static_cast<size_t>(start - at)});
      at = start;
      continue;
    }
    const uint64_t first = uint64_t{extent->first_block} * kBlockBytes;
    const uint64_t stop = std::min(end, first + manifest_->chunks[extent->chunk].raw_length);
    wanted.push_back({pieces.size(), extent->chunk});
    pieces.push_back({nullptr, static_cast<size_t>(at - first), static_cast<size_t>(stop - at)});
    at = stop;
    ++extent;
  }
  extents.end = static_cast<uint32_t>(extent - manifest_->extents.begin());
  return wanted;
}

void ImageReader::OpenAhead(SequentialReads::Range touched,
                            const store::RequestOptions& options) const {
  const SequentialReads::Range next = reads_.Note(touched.begin, touched.end - 1);
  const size_t end = std::min<size_t>(next.end, manifest_->extents.size());
  store::RequestOptions ahead = options;
  ahead.cancel = {};
  ahead.urgency = nullptr;
  ahead.request_class = store::RequestClass::kPrefetch;
  for (size_t i = next.begin; i < end; ++i) {
    const store::ChunkRef& chunk = manifest_->chunks[manifest_->extents[i].chunk];
    // Whoever needs the chunk asks for it himself and hears what is wrong with it.
    if (source_->is_local(chunk.id)) loader_->Load(chunk, source_, ahead, [](const auto&) {});
  }
}

void ImageReader::Read(uint64_t offset, size_t length, const store::RequestOptions& options,
                       ReadCallback done) const {
  if (length > manifest_->image_size || offset > manifest_->image_size - length) {
    done(absl::InvalidArgumentError(absl::StrCat("image ", label_, ": bytes ", offset, "+", length,
                                                 " are not inside its ", manifest_->image_size)));
    return;
  }
  std::vector<Piece> pieces;
  SequentialReads::Range extents;
  const std::vector<Wanted> wanted = Cut(offset, length, pieces, extents);
  if (wanted.empty()) {
    done(std::move(pieces));
    return;
  }
  auto gathering = std::make_shared<Gathering>(std::move(pieces), wanted.size(), std::move(done));
  for (const Wanted& want : wanted) {
    loader_->Load(manifest_->chunks[want.chunk], source_, options,
                  [gathering, piece = want.piece, label = label_,
                   keep = manifest_](absl::StatusOr<OpenedChunk> chunk) {
                    if (!chunk.ok()) {
                      chunk = Annotate(chunk.status(), absl::StrCat("image ", label));
                    }
                    gathering->Arrived(piece, std::move(chunk));
                  });
  }
  OpenAhead(extents, options);
}

std::vector<uint32_t> ImageReader::ChunksOf(const std::vector<Range>& ranges) const {
  std::set<uint32_t> chunks;
  for (const Range& range : ranges) {
    const uint64_t end = std::min(manifest_->image_size, range.offset + range.length);
    auto extent = FirstTouching(*manifest_, range.offset / kBlockBytes);
    for (; extent != manifest_->extents.end() && uint64_t{extent->first_block} * kBlockBytes < end;
         ++extent) {
      chunks.insert(extent->chunk);
    }
  }
  return {chunks.begin(), chunks.end()};
}

void ImageReader::Prefetch(const std::vector<Range>& ranges, const store::RequestOptions& options,
                           std::function<void(absl::Status)> done) const {
  const std::vector<uint32_t> chunks = ChunksOf(ranges);
  if (chunks.empty()) {
    done(absl::OkStatus());
    return;
  }
  std::vector<Piece> pieces(chunks.size());
  auto gathering = std::make_shared<Gathering>(
      std::move(pieces), chunks.size(),
      [done = std::move(done)](absl::StatusOr<std::vector<Piece>> all) { done(all.status()); });
  for (size_t i = 0; i < chunks.size(); ++i) {
    loader_->Load(
        manifest_->chunks[chunks[i]], source_, options,
        [gathering, i, label = label_, keep = manifest_](absl::StatusOr<OpenedChunk> chunk) {
          // Only its arrival matters; memory is the loader's to keep.
          if (chunk.ok()) *chunk = nullptr;
          if (!chunk.ok()) {
            chunk = Annotate(chunk.status(), absl::StrCat("image ", label));
          }
          gathering->Arrived(i, std::move(chunk));
        });
  }
}

}  // namespace floe::fusefs
