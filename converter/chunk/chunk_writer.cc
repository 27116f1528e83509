// SPDX-License-Identifier: Apache-2.0
#include "converter/chunk/chunk_writer.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/channel.h"
#include "converter/chunk/put_window.h"
#include "store/seal/cipher.h"

namespace floe::converter {
namespace {

using store::ChunkRef;
using store::Extent;

// A sealed chunk's place, in secret pages because of `ref.key`.
struct Placed {
  uint32_t first_block;
  ChunkRef ref;
};
using PlacedChunks = std::vector<Placed, SecretAllocator<Placed>>;

// Where sealed chunks are noted. Thread safe.
class Placement {
 public:
  void Add(uint32_t first_block, const ChunkRef& ref) FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    placed_.push_back({first_block, ref});
  }
  PlacedChunks Take() FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return std::move(placed_);
  }

 private:
  Mutex mutex_;
  PlacedChunks placed_ FLOE_GUARDED_BY(mutex_);
};

// Unique chunks by id, extents by block: what does not depend on the order of sealing.
WrittenChunks Arrange(PlacedChunks placed) {
  std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return a.ref.id != b.ref.id ? a.ref.id < b.ref.id : a.first_block < b.first_block;
  });
  WrittenChunks written;
  written.chunks.reserve(placed.size());
  written.extents.reserve(placed.size());
  for (const Placed& chunk : placed) {
    if (written.chunks.empty() || written.chunks.back().id != chunk.ref.id) {
      written.chunks.push_back(chunk.ref);
    }
    written.extents.push_back(
        {chunk.first_block, static_cast<uint32_t>(written.chunks.size() - 1)});
  }
  std::sort(written.extents.begin(), written.extents.end(),
            [](const Extent& a, const Extent& b) { return a.first_block < b.first_block; });
  return written;
}

// The image's bytes on their way into the chunker.
class ChunkingSink : public erofs::ImageSink {
 public:
  ChunkingSink(Chunker& chunker, const ChunkWriterOptions& options)
      : chunker_(chunker), options_(options) {}
  absl::Status Data(ByteView blocks) override { return After(chunker_.Data(blocks)); }
  absl::Status Zeros(uint64_t bytes) override { return After(chunker_.Zeros(bytes)); }

 private:
  absl::Status After(const absl::Status& status) {
    FLOE_RETURN_IF_ERROR(status);
    if (options_.cancel.cancelled()) return absl::CancelledError("the conversion was cancelled");
    if (options_.progress) options_.progress(chunker_.position());
    return absl::OkStatus();
  }
  Chunker& chunker_;
  const ChunkWriterOptions& options_;
};

// Seals what comes through `raw` until it is closed; the first error stops the whole conversion.
void SealLoop(Channel<RawChunk>& raw, const store::SealingDomain& domain,
              const store::CodecParameters& codec, BufferPool& pool, PutWindow& window,
              Placement& placement) {
  store::Sealer sealer(domain, codec);
  while (std::optional<RawChunk> chunk = raw.Receive()) {
    absl::StatusOr<store::SealedChunk> sealed = sealer.Seal(chunk->data);
    pool.Give(std::move(chunk->data));
    absl::Status status = sealed.status();
    if (status.ok()) {
      placement.Add(chunk->first_block, sealed->ref);
      status = window.Put(*sealed);
      Wipe(sealed->ref.key);
    }
    if (!status.ok()) {
      window.Fail(status);
      raw.Close();
    }
  }
}

// Runs `emit` through the chunker into `raw`.
absl::Status Produce(const EmitImage& emit, const BlockHash& hash, BufferPool& pool,
                     Channel<RawChunk>& raw, const ChunkWriterOptions& options) {
  Chunker chunker(options.chunker, hash, pool, [&](RawChunk chunk) {
    // Closed only after a failure, which the window knows.
    return raw.Send(std::move(chunk)) ? absl::OkStatus() : absl::AbortedError("sealing failed");
  });
  ChunkingSink sink(chunker, options);
  FLOE_RETURN_IF_ERROR(emit(sink));
  return chunker.Finish();
}

}  // namespace

absl::StatusOr<BlockHash> BlockHashOfDomain(const store::SealingDomain& domain) {
  Secret key(BlockHash::kKeyBytes);
  store::HkdfSha256(domain.secret.view(), domain.domain_id, AsBytes("floe/chunker/v1"),
                    key.mutable_view());
  return BlockHash::Create(std::move(key));
}

absl::StatusOr<WrittenChunks> WriteChunks(const EmitImage& emit, const store::SealingDomain& domain,
                                          store::ChunkStore& chunks, const RepairChunk& repair,
                                          const ChunkWriterOptions& options) {
  FLOE_RETURN_IF_ERROR(options.chunker.Validate());
  FLOE_ASSIGN_OR_RETURN(const BlockHash hash, BlockHashOfDomain(domain));
  const size_t threads = std::max<size_t>(1, options.threads);
  BufferPool pool(options.chunker.max_bytes);
  Placement placement;
  PutWindow window(chunks, repair, std::max<size_t>(1, options.puts_in_flight),
                   options.check_existing);
  Channel<RawChunk> raw(2 * threads);
  std::vector<std::thread> sealers;
  for (size_t i = 0; i < threads; ++i) {
    sealers.emplace_back([&] { SealLoop(raw, domain, options.codec, pool, window, placement); });
  }
  const absl::Status produced = Produce(emit, hash, pool, raw, options);
  if (!produced.ok() && !absl::IsAborted(produced)) window.Fail(produced);
  raw.Close();
  for (std::thread& sealer : sealers) sealer.join();
  FLOE_RETURN_IF_ERROR(window.Drain());
  FLOE_RETURN_IF_ERROR(produced);
  WrittenChunks written = Arrange(placement.Take());
  written.stats = window.stats();
  return written;
}

}  // namespace floe::converter
