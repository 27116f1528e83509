// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/flat_image.h"

#include <algorithm>

#include "converter/flatten/merge.h"
#include "erofs/ondisk.h"

namespace floe::converter {
namespace {

constexpr uint64_t kReadBytes = 1 << 20;

uint64_t RoundUp(uint64_t bytes) {
  return (bytes + erofs::kBlockBytes - 1) / erofs::kBlockBytes * erofs::kBlockBytes;
}

// Data that lies in one piece in a spool and in the image.
struct Stretch {
  size_t layer = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

class Image : public FlatImage {
 public:
  Image(erofs::Tree tree, erofs::ImagePlan plan, std::vector<std::unique_ptr<Spool>> spools,
        FlattenStats stats, CancelToken cancel)
      : tree_(std::move(tree)),
        plan_(std::move(plan)),
        spools_(std::move(spools)),
        stats_(std::move(stats)),
        cancel_(std::move(cancel)) {
    Count();
  }

  uint64_t size_bytes() const override { return plan_.total_bytes; }
  const FlattenStats& stats() const override { return stats_; }

  absl::Status Emit(erofs::ImageSink& sink) override {
    FLOE_RETURN_IF_ERROR(erofs::EmitMetadata(tree_, plan_, sink));
    // Neighbours in the image that are neighbours in the spool too are read together: most layers
    // list their files in directory order already.
    Stretch stretch;
    for (const erofs::InodeId id : plan_.files) {
      const erofs::Inode& file = tree_.inode(id);
      const size_t layer = DataLayer(file.data);
      const uint64_t offset = DataOffset(file.data);
      if (stretch.layer != layer || stretch.offset + stretch.bytes != offset) {
        FLOE_RETURN_IF_ERROR(EmitStretch(stretch, sink));
        stretch = {layer, offset, 0};
      }
      stretch.bytes += RoundUp(file.size);
    }
    return EmitStretch(stretch, sink);
  }

 private:
  absl::Status EmitStretch(const Stretch& stretch, erofs::ImageSink& sink) {
    uint64_t at = stretch.offset;
    const uint64_t end = stretch.offset + stretch.bytes;
    while (at < end) {
      if (cancel_.cancelled()) return absl::CancelledError("writing the flat image was cancelled");
      const Spool::Run run = spools_[stretch.layer]->RunAt(at, end - at);
      if (run.zero) {
        FLOE_RETURN_IF_ERROR(sink.Zeros(run.bytes));
        at += run.bytes;
        continue;
      }
      buffer_.resize(std::min(run.bytes, kReadBytes));
      FLOE_RETURN_IF_ERROR(spools_[stretch.layer]->ReadAt(at, buffer_));
      FLOE_RETURN_IF_ERROR(sink.Data(buffer_));
      at += buffer_.size();
    }
    return absl::OkStatus();
  }

  void Count() {
    for (const erofs::InodeId id : plan_.inodes) {
      const erofs::Inode& inode = tree_.inode(id);
      if (inode.IsDirectory()) {
        ++stats_.directories;
      } else if (inode.IsSymlink()) {
        stats_.symlinks += inode.links;
      } else {
        (inode.IsRegular() ? stats_.files : stats_.others) += inode.links;
      }
    }
    stats_.metadata_bytes = plan_.metadata_bytes;
    stats_.data_bytes = plan_.data_bytes;
    for (const erofs::InodeId id : plan_.files) {
      const erofs::Inode& file = tree_.inode(id);
      const uint64_t end = DataOffset(file.data) + RoundUp(file.size);
      for (uint64_t at = DataOffset(file.data); at < end;) {
        const Spool::Run run = spools_[DataLayer(file.data)]->RunAt(at, end - at);
        if (run.zero) stats_.zero_bytes += run.bytes;
        at += run.bytes;
      }
    }
  }

  erofs::Tree tree_;
  erofs::ImagePlan plan_;
  std::vector<std::unique_ptr<Spool>> spools_;
  FlattenStats stats_;
  CancelToken cancel_;
  Bytes buffer_;
};

}  // namespace

std::unique_ptr<FlatImage> MakeFlatImage(erofs::Tree tree, erofs::ImagePlan plan,
                                         std::vector<std::unique_ptr<Spool>> spools,
                                         FlattenStats stats, CancelToken cancel) {
  return std::make_unique<Image>(std::move(tree), std::move(plan), std::move(spools),
                                 std::move(stats), std::move(cancel));
}

}  // namespace floe::converter
