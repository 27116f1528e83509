// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "erofs/inode_shape.h"
#include "erofs/ondisk.h"
#include "erofs/order.h"
#include "erofs/walk.h"
#include "erofs/writer.h"

namespace floe::erofs {
namespace {

constexpr uint64_t kMaxBlocks = 0xFFFFFFFE;

uint64_t BlocksOf(uint64_t bytes) { return (bytes + kBlockBytes - 1) / kBlockBytes; }

class Planner {
 public:
  explicit Planner(Tree& tree) : tree_(tree) {}

  absl::StatusOr<ImagePlan> Run() {
    tree_.CountLinks();
    ChooseBuildTime();
    FLOE_ASSIGN_OR_RETURN(plan_.xattrs, LayXattrs(tree_));
    plan_.nids.resize(tree_.inode_count());
    plan_.blocks.resize(tree_.inode_count());
    plan_.inline_tail.resize(tree_.inode_count());
    WalkTree(tree_, [this](InodeId id, InodeId parent, absl::string_view path) {
      Visit(id, parent, path);
    });
    FLOE_RETURN_IF_ERROR(PlaceMetadataBlocks());
    FLOE_RETURN_IF_ERROR(PlaceData());
    return std::move(plan_);
  }

 private:
  // The commonest mtime makes the most inodes compact; of equally common ones the earliest.
  void ChooseBuildTime() {
    absl::flat_hash_map<std::pair<int64_t, uint32_t>, uint32_t> counts;
    for (InodeId id = 0; id < tree_.inode_count(); ++id) {
      ++counts[{tree_.inode(id).mtime, tree_.inode(id).mtime_nsec}];
    }
    uint32_t best = 0;
    for (const auto& [time, count] : counts) {
      const std::pair<int64_t, uint32_t> current{plan_.build_time, plan_.build_time_nsec};
      if (count > best || (count == best && time < current)) {
        best = count;
        std::tie(plan_.build_time, plan_.build_time_nsec) = time;
      }
    }
  }

  void Visit(InodeId id, InodeId parent, absl::string_view path) {
    if (plan_.nids[id] != 0) return;  // a further name of a hard-linked file
    const Inode& inode = tree_.inode(id);
    uint64_t size = inode.size;
    if (inode.IsDirectory()) {
      size = DirBytes(DirRecords(tree_, id, parent));
      plan_.directories.emplace_back(id, parent);
    }
    const uint64_t head = (FitsCompact(inode, size, plan_.build_time, plan_.build_time_nsec)
                               ? sizeof(CompactInode)
                               : sizeof(ExtendedInode)) +
                          plan_.xattrs.bodies[inode.xattrs].size();
    InodePlace place;
    if (inode.IsDirectory() || inode.IsSymlink()) {
      place = PlaceInode(at_, head, size, inode.IsSymlink() ? kBlockBytes : kInlineDirMax);
      if (place.blocks > 0) with_blocks_.emplace_back(id, place.blocks);
    } else {
      place = PlaceInode(at_, head, 0, 0);
    }
    at_ = place.end;
    plan_.inline_tail[id] = place.tail > 0;
    plan_.nids[id] = static_cast<uint32_t>(place.offset / kSlotBytes);
    plan_.inodes.push_back(id);
    if (inode.IsRegular() && size > 0) {
      by_class_[static_cast<size_t>(ClassOf(path))].push_back(id);
    }
  }

  // Behind the inodes: blocks of directories and long symlinks, then shared xattrs.
  absl::Status PlaceMetadataBlocks() {
    if (at_ / kSlotBytes > 0xFFFFFFFF) return TooBig();
    uint64_t block = BlocksOf(at_);
    for (const auto& [id, count] : with_blocks_) {
      plan_.blocks[id] = static_cast<uint32_t>(block);
      block += count;
    }
    plan_.xattr_block = static_cast<uint32_t>(block);
    block += BlocksOf(plan_.xattrs.shared.size());
    plan_.metadata_bytes = block * kBlockBytes;
    return block > kMaxBlocks ? TooBig() : absl::OkStatus();
  }

  absl::Status PlaceData() {
    uint64_t block = plan_.metadata_bytes / kBlockBytes;
    for (const std::vector<InodeId>& files : by_class_) {
      for (const InodeId id : files) {
        plan_.blocks[id] = static_cast<uint32_t>(block);
        const uint64_t count = BlocksOf(tree_.inode(id).size);
        if (count > kMaxBlocks - block) return TooBig();
        block += count;
        plan_.data_bytes += tree_.inode(id).size;
      }
      plan_.files.insert(plan_.files.end(), files.begin(), files.end());
    }
    plan_.total_bytes = block * kBlockBytes;
    return absl::OkStatus();
  }

  static absl::Status TooBig() {
    return absl::InvalidArgumentError("the image is too big: a flat image holds at most 16 TiB");
  }

  Tree& tree_;
  ImagePlan plan_;
  uint64_t at_ = kBlockBytes;  // block 0 is the super block's
  std::vector<std::pair<InodeId, uint32_t>> with_blocks_;
  std::array<std::vector<InodeId>, kDataClasses> by_class_;
};

}  // namespace

absl::StatusOr<ImagePlan> Plan(Tree& tree) { return Planner(tree).Run(); }

}  // namespace floe::erofs
