// SPDX-License-Identifier: Apache-2.0
#include "erofs/reader.h"

#include <algorithm>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "erofs/crc32c.h"
#include "erofs/damaged.h"
#include "erofs/label.h"
#include "erofs/metadata_cache.h"
#include "erofs/xattr_reader.h"

namespace floe::erofs {
namespace {

// As Linux' new_decode_dev.
uint32_t DecodeDevice(uint32_t device) {
  return MakeDevice((device & 0xFFF00) >> 8, (device & 0xFF) | ((device >> 12) & 0xFFF00));
}

struct RawInode {
  Inode inode;
  DataLayout layout = DataLayout::kFlatPlain;
  uint64_t size = 0;
  uint64_t head_end = 0;  // behind inode and xattrs: where a tail lies
  uint32_t where = 0;
};

class Reader {
 public:
  Reader(const ReadAt& read, uint64_t image_bytes, const ReadLimits& limits)
      : read_(read), cache_(read, image_bytes), image_bytes_(image_bytes), limits_(limits) {}

  absl::StatusOr<Tree> Run() {
    FLOE_ASSIGN_OR_RETURN(super_, ReadSuperBlock(read_, image_bytes_));
    FLOE_RETURN_IF_ERROR(Load(super_.root_nid));
    if (!tree_.inode(kRoot).IsDirectory()) return Damaged("its root is no directory");
    // Directories are read in the order in which they were found, without recursion: depth is the
    // image's choice.
    for (size_t i = 0; i < directories_.size(); ++i) {
      FLOE_RETURN_IF_ERROR(ReadDirectory(directories_[i].first, directories_[i].second));
    }
    return std::move(tree_);
  }

 private:
  absl::StatusOr<RawInode> ReadRaw(uint64_t nid) {
    const uint64_t offset = uint64_t{super_.meta_block} * kBlockBytes + nid * kSlotBytes;
    if (nid > image_bytes_ / kSlotBytes) return Damaged(absl::StrCat("inode ", nid));
    FLOE_ASSIGN_OR_RETURN(const CompactInode compact, cache_.Struct<CompactInode>(offset));
    RawInode raw;
    raw.layout = static_cast<DataLayout>(compact.format >> kFormatLayoutShift & 0x7);
    if ((compact.format & ~kFormatMask) != 0 ||
        (raw.layout != DataLayout::kFlatPlain && raw.layout != DataLayout::kFlatInline)) {
      return absl::UnimplementedError(
          absl::StrCat("inode ", nid, " has format ", compact.format, ": not of a flat image"));
    }
    uint64_t head = offset + sizeof(CompactInode);
    if ((compact.format & kFormatExtended) != 0) {
      FLOE_ASSIGN_OR_RETURN(const ExtendedInode extended, cache_.Struct<ExtendedInode>(offset));
      FillExtended(extended, raw);
      head = offset + sizeof(ExtendedInode);
    } else {
      FillCompact(compact, raw);
    }
    raw.head_end = head;
    if (compact.xattr_count > 0) {
      const uint64_t shared = uint64_t{super_.xattr_block} * kBlockBytes;
      FLOE_ASSIGN_OR_RETURN(Xattrs xattrs, ReadXattrs(cache_, head, compact.xattr_count, shared));
      raw.inode.xattrs = tree_.xattrs().Intern(std::move(xattrs));
      if (tree_.xattrs().bytes() > limits_.max_xattr_bytes) return Damaged("too many xattrs");
      raw.head_end += sizeof(XattrHeader) + 4 * (uint64_t{compact.xattr_count} - 1);
    }
    return raw;
  }

  void FillCompact(const CompactInode& from, RawInode& raw) {
    raw.inode.mode = from.mode;
    raw.inode.links = from.links;
    raw.inode.uid = from.uid;
    raw.inode.gid = from.gid;
    raw.inode.mtime = static_cast<int64_t>(super_.build_time);
    raw.inode.mtime_nsec = super_.build_time_nsec;
    raw.size = from.size;
    raw.where = from.where;
  }

  static void FillExtended(const ExtendedInode& from, RawInode& raw) {
    raw.inode.mode = from.mode;
    raw.inode.links = from.links;
    raw.inode.uid = from.uid;
    raw.inode.gid = from.gid;
    raw.inode.mtime = static_cast<int64_t>(from.mtime);
    raw.inode.mtime_nsec = from.mtime_nsec;
    raw.size = from.size;
    raw.where = from.where;
  }

  // The content of a directory or symlink.
  absl::StatusOr<Bytes> ReadContent(const RawInode& raw) {
    const uint64_t tail = raw.layout == DataLayout::kFlatInline ? raw.size % kBlockBytes : 0;
    // Content lies in places of its own, so in a sound image it adds up to less than the image.
    if (raw.size > image_bytes_ - content_bytes_) return Damaged("directories overlap");
    content_bytes_ += raw.size;
    FLOE_ASSIGN_OR_RETURN(
        Bytes content,
        cache_.Get(raw.size == tail ? 0 : uint64_t{raw.where} * kBlockBytes, raw.size - tail));
    if (tail == 0) return content;
    if (raw.head_end % kBlockBytes + tail > kBlockBytes) return Damaged("a tail crosses a block");
    FLOE_ASSIGN_OR_RETURN(const Bytes rest, cache_.Get(raw.head_end, tail));
    content.insert(content.end(), rest.begin(), rest.end());
    return content;
  }

  absl::StatusOr<InodeId> Load(uint64_t nid) {
    if (const auto known = ids_.find(nid); known != ids_.end()) {
      if (tree_.inode(known->second).IsDirectory()) {
        return Damaged(absl::StrCat("directory ", nid, " has two names"));
      }
      return known->second;
    }
    if (ids_.size() >= limits_.max_inodes) return Damaged("too many inodes");
    FLOE_ASSIGN_OR_RETURN(RawInode raw, ReadRaw(nid));
    FLOE_ASSIGN_OR_RETURN(const InodeId id, Keep(raw, nid));
    ids_.emplace(nid, id);
    return id;
  }

  absl::StatusOr<InodeId> Keep(RawInode& raw, uint64_t nid) {
    Inode& inode = raw.inode;
    switch (inode.mode & S_IFMT) {
      case S_IFLNK: {
        if (raw.size > kSymlinkMax) return Damaged("a symlink's target is too long");
        FLOE_ASSIGN_OR_RETURN(const Bytes target, ReadContent(raw));
        return tree_.AddSymlink(inode, AsText(target));
      }
      case S_IFREG:
        inode.size = raw.size;
        inode.data = uint64_t{raw.where} * kBlockBytes;
        if (raw.layout != DataLayout::kFlatPlain) {
          return absl::UnimplementedError("file data beside its inode: not a flat image");
        }
        if (raw.size > 0 && (inode.data > image_bytes_ || raw.size > image_bytes_ - inode.data)) {
          return Damaged(absl::StrCat("the data of inode ", nid, " is not in the image"));
        }
        return tree_.Add(inode);
      case S_IFDIR: {
        const InodeId id = tree_.Add(inode);
        directories_.emplace_back(id, raw);
        return id;
      }
      case S_IFCHR:
      case S_IFBLK:
        inode.rdev = DecodeDevice(raw.where);
        return tree_.Add(inode);
      case S_IFIFO:
      case S_IFSOCK:
        return tree_.Add(inode);
      default:
        return Damaged(absl::StrCat("inode ", nid, " has mode ", inode.mode));
    }
  }

  absl::Status ReadDirectory(InodeId id, const RawInode& raw) {
    FLOE_ASSIGN_OR_RETURN(const Bytes content, ReadContent(raw));
    std::vector<std::pair<absl::string_view, InodeId>> entries;
    for (size_t at = 0; at < content.size(); at += kBlockBytes) {
      const size_t size = std::min<size_t>(kBlockBytes, content.size() - at);
      FLOE_RETURN_IF_ERROR(ReadBlock(ByteView(content).subspan(at, size), entries));
    }
    return tree_.SetEntries(id, std::move(entries));
  }

  absl::Status ReadBlock(ByteView block,
                         std::vector<std::pair<absl::string_view, InodeId>>& entries) {
    const auto entry_at = [&](size_t i) {
      DirEntry entry;
      std::memcpy(&entry, block.data() + i * sizeof(entry), sizeof(entry));
      return entry;
    };
    if (block.size() < sizeof(DirEntry)) return Damaged("a directory block is too short");
    const size_t names = entry_at(0).name_offset;
    if (names < sizeof(DirEntry) || names % sizeof(DirEntry) != 0 || names > block.size()) {
      return Damaged("a directory block has no sound beginning");
    }
    const size_t count = names / sizeof(DirEntry);
    for (size_t i = 0; i < count; ++i) {
      const DirEntry entry = entry_at(i);
      const size_t end = i + 1 < count ? entry_at(i + 1).name_offset : block.size();
      if (entry.name_offset > end || end > block.size()) return Damaged("a name outside its block");
      absl::string_view name = AsText(block.subspan(entry.name_offset, end - entry.name_offset));
      if (i + 1 == count) name = name.substr(0, name.find('\0'));
      if (name == "." || name == "..") continue;
      FLOE_ASSIGN_OR_RETURN(const InodeId id, Load(entry.nid));
      entries.emplace_back(name, id);
    }
    return absl::OkStatus();
  }

  const ReadAt& read_;
  MetadataCache cache_;
  const uint64_t image_bytes_;
  const ReadLimits limits_;
  SuperBlock super_{};
  Tree tree_;
  absl::flat_hash_map<uint64_t, InodeId> ids_;
  std::deque<std::pair<InodeId, RawInode>> directories_;
  uint64_t content_bytes_ = 0;
};

}  // namespace

absl::StatusOr<SuperBlock> ReadSuperBlock(const ReadAt& read, uint64_t image_bytes) {
  if (image_bytes < kBlockBytes) return Damaged("it is shorter than a block");
  Bytes block(kBlockBytes);
  FLOE_RETURN_IF_ERROR(read(0, block));
  SuperBlock super;
  std::memcpy(&super, block.data() + kSuperOffset, sizeof(super));
  if (super.magic != kMagic) return Damaged("it is no EROFS image");
  if ((super.feature_compat & kCompatChecksum) != 0) {
    const uint32_t expected = super.checksum;
    std::memset(block.data() + kSuperOffset + offsetof(SuperBlock, checksum), 0, 4);
    if (Crc32c(~0u, ByteView(block).subspan(kSuperOffset)) != expected) {
      return Damaged("the super block's checksum is wrong");
    }
  }
  if (super.block_bits != kBlockBits || super.feature_incompat != 0 || super.extra_devices != 0) {
    return absl::UnimplementedError("the EROFS image uses what flat images never use");
  }
  if (super.blocks > image_bytes / kBlockBytes) return Damaged("it is cut short");
  return super;
}

absl::StatusOr<Tree> ReadTree(const ReadAt& read, uint64_t image_bytes, const ReadLimits& limits) {
  return Reader(read, image_bytes, limits).Run();
}

std::vector<ByteRange> MetadataRanges(ByteView first_block, uint64_t image_bytes) {
  uint64_t blocks = 1;
  if (first_block.size() >= kSuperOffset + sizeof(SuperBlock)) {
    SuperBlock super;
    std::memcpy(&super, first_block.data() + kSuperOffset, sizeof(super));
    const absl::string_view label(reinterpret_cast<const char*>(super.volume_name),
                                  sizeof(super.volume_name));
    if (super.magic == kMagic) blocks = std::max(1u, ParseLabel(label).value_or(1));
  }
  return {{0, std::min(blocks * kBlockBytes, image_bytes / kBlockBytes * kBlockBytes)}};
}

}  // namespace floe::erofs
