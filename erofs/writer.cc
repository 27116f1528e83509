// SPDX-License-Identifier: Apache-2.0
#include "erofs/writer.h"

#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "erofs/crc32c.h"
#include "erofs/inode_shape.h"
#include "erofs/label.h"
#include "erofs/ondisk.h"

namespace floe::erofs {
namespace {

// Collects metadata and passes it on in whole blocks.
class BlockBuffer {
 public:
  explicit BlockBuffer(ImageSink& sink) : sink_(sink) { bytes_.reserve(kFlushBytes + kBlockBytes); }

  absl::Status Put(const void* data, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    while (size > 0) {
      const size_t piece = std::min(size, kFlushBytes - bytes_.size());
      bytes_.insert(bytes_.end(), bytes, bytes + piece);
      bytes += piece;
      size -= piece;
      offset_ += piece;
      if (bytes_.size() == kFlushBytes) FLOE_RETURN_IF_ERROR(Flush());
    }
    return absl::OkStatus();
  }
  absl::Status Put(absl::string_view text) { return Put(text.data(), text.size()); }

  // Zeros up to `offset` in the image.
  absl::Status PadTo(uint64_t offset) {
    static constexpr char kZeros[kBlockBytes] = {};
    while (offset_ < offset) {
      FLOE_RETURN_IF_ERROR(Put(kZeros, std::min<uint64_t>(offset - offset_, sizeof(kZeros))));
    }
    return absl::OkStatus();
  }
  absl::Status PadToBlock() {
    return PadTo((offset_ + kBlockBytes - 1) / kBlockBytes * kBlockBytes);
  }

  absl::Status Flush() {
    if (bytes_.empty()) return absl::OkStatus();
    const absl::Status status = sink_.Data(bytes_);
    bytes_.clear();
    return status;
  }
  uint64_t offset() const { return offset_; }

 private:
  static constexpr size_t kFlushBytes = 1 << 20;
  ImageSink& sink_;
  Bytes bytes_;
  uint64_t offset_ = 0;
};

// As Linux' new_encode_dev.
uint32_t EncodeDevice(uint32_t device) {
  const uint32_t minor_number = DeviceMinor(device);
  return (minor_number & 0xFF) | DeviceMajor(device) << 8 | (minor_number & ~0xFFu) << 12;
}

uint8_t FileTypeOf(const Inode& inode) {
  switch (inode.mode & S_IFMT) {
    case S_IFREG:
      return kTypeRegular;
    case S_IFDIR:
      return kTypeDirectory;
    case S_IFCHR:
      return kTypeChar;
    case S_IFBLK:
      return kTypeBlock;
    case S_IFIFO:
      return kTypeFifo;
    case S_IFSOCK:
      return kTypeSocket;
    case S_IFLNK:
      return kTypeSymlink;
    default:
      return kTypeUnknown;
  }
}

class Writer {
 public:
  Writer(const Tree& tree, const ImagePlan& plan, ImageSink& sink)
      : tree_(tree), plan_(plan), out_(sink) {}

  absl::Status Run() {
    FLOE_RETURN_IF_ERROR(PutSuperBlock());
    auto directory = plan_.directories.begin();
    for (const InodeId id : plan_.inodes) {
      const bool is_directory = tree_.inode(id).IsDirectory();
      FLOE_RETURN_IF_ERROR(PutInode(id, is_directory ? (directory++)->second : kRoot));
    }
    FLOE_RETURN_IF_ERROR(out_.PadToBlock());
    FLOE_RETURN_IF_ERROR(PutOwnBlocks());
    FLOE_RETURN_IF_ERROR(out_.Put(plan_.xattrs.shared));
    FLOE_RETURN_IF_ERROR(out_.PadToBlock());
    if (out_.offset() != plan_.metadata_bytes) return absl::InternalError("plan and image differ");
    return out_.Flush();
  }

 private:
  absl::Status PutSuperBlock() {
    SuperBlock super{};
    super.magic = kMagic;
    super.feature_compat = kCompatChecksum | kCompatMtime;
    super.block_bits = kBlockBits;
    super.root_nid = static_cast<uint16_t>(plan_.nids[kRoot]);
    super.inodes = plan_.inodes.size();
    super.build_time = static_cast<uint64_t>(plan_.build_time);
    super.build_time_nsec = plan_.build_time_nsec;
    super.blocks = static_cast<uint32_t>(plan_.total_bytes / kBlockBytes);
    super.xattr_block = plan_.xattr_block;
    const std::string label = MakeLabel(plan_.metadata_bytes / kBlockBytes);
    std::memcpy(super.volume_name, label.data(), label.size());
    Bytes block(kBlockBytes);
    std::memcpy(block.data() + kSuperOffset, &super, sizeof(super));
    super.checksum = Crc32c(~0u, ByteView(block).subspan(kSuperOffset));
    std::memcpy(block.data() + kSuperOffset, &super, sizeof(super));
    return out_.Put(block.data(), block.size());
  }

  absl::Status PutInode(InodeId id, InodeId parent) {
    const Inode& inode = tree_.inode(id);
    std::vector<DirRecord> records;
    uint64_t size = inode.size;
    if (inode.IsDirectory()) {
      records = DirRecords(tree_, id, parent);
      size = DirBytes(records);
    }
    const std::string& xattrs = plan_.xattrs.bodies[inode.xattrs];
    const bool compact = FitsCompact(inode, size, plan_.build_time, plan_.build_time_nsec);
    const uint64_t tail = plan_.inline_tail[id] ? size % kBlockBytes : 0;
    FLOE_RETURN_IF_ERROR(out_.PadTo(uint64_t{plan_.nids[id]} * kSlotBytes));
    FLOE_RETURN_IF_ERROR(PutHead(id, size, compact, tail > 0));
    FLOE_RETURN_IF_ERROR(out_.Put(xattrs));
    if (tail == 0) return absl::OkStatus();
    if (inode.IsSymlink()) return out_.Put(tree_.Target(inode));
    size_t first = 0;
    for (uint64_t done = tail; done < size; done += kBlockBytes)
      first += RecordsInBlock(records, first);
    return out_.Put(EncodeDirBlock(records, first, records.size() - first));
  }

  uint32_t Where(InodeId id) const {
    const Inode& inode = tree_.inode(id);
    return inode.IsDevice() ? EncodeDevice(inode.rdev) : plan_.blocks[id];
  }

  absl::Status PutHead(InodeId id, uint64_t size, bool compact, bool has_tail) {
    const Inode& inode = tree_.inode(id);
    const DataLayout layout = has_tail ? DataLayout::kFlatInline : DataLayout::kFlatPlain;
    const size_t body = plan_.xattrs.bodies[inode.xattrs].size();
    const auto xattr_count =
        static_cast<uint16_t>(body == 0 ? 0 : (body - sizeof(XattrHeader)) / 4 + 1);
    const auto format = static_cast<uint16_t>((compact ? 0 : kFormatExtended) |
                                              static_cast<int>(layout) << kFormatLayoutShift);
    if (compact) {
      const CompactInode head{format,
                              xattr_count,
                              inode.mode,
                              static_cast<uint16_t>(inode.links),
                              static_cast<uint32_t>(size),
                              0,
                              Where(id),
                              ++number_,
                              static_cast<uint16_t>(inode.uid),
                              static_cast<uint16_t>(inode.gid),
                              0};
      return out_.Put(&head, sizeof(head));
    }
    const ExtendedInode head{
        format,           xattr_count, inode.mode, 0,         size,
        Where(id),        ++number_,   inode.uid,  inode.gid, static_cast<uint64_t>(inode.mtime),
        inode.mtime_nsec, inode.links, {}};
    return out_.Put(&head, sizeof(head));
  }

  std::string EncodeDirBlock(const std::vector<DirRecord>& records, size_t first, size_t count) {
    std::string heads;
    std::string names;
    for (size_t i = first; i < first + count; ++i) {
      const DirEntry entry{plan_.nids[records[i].inode],
                           static_cast<uint16_t>(count * sizeof(DirEntry) + names.size()),
                           FileTypeOf(tree_.inode(records[i].inode)), 0};
      heads.append(reinterpret_cast<const char*>(&entry), sizeof(entry));
      names.append(records[i].name.data(), records[i].name.size());
    }
    return heads + names;
  }

  // Blocks that directories and long symlinks have of their own, in the order of the inodes.
  absl::Status PutOwnBlocks() {
    auto directory = plan_.directories.begin();
    for (const InodeId id : plan_.inodes) {
      const Inode& inode = tree_.inode(id);
      const bool is_directory = inode.IsDirectory();
      const InodeId parent = is_directory ? (directory++)->second : kRoot;
      if (plan_.blocks[id] == 0 || inode.IsRegular()) continue;
      FLOE_RETURN_IF_ERROR(out_.PadTo(uint64_t{plan_.blocks[id]} * kBlockBytes));
      if (is_directory) {
        FLOE_RETURN_IF_ERROR(PutDirBlocks(id, parent));
      } else {
        FLOE_RETURN_IF_ERROR(out_.Put(tree_.Target(inode)));
      }
      FLOE_RETURN_IF_ERROR(out_.PadToBlock());
    }
    return absl::OkStatus();
  }

  absl::Status PutDirBlocks(InodeId id, InodeId parent) {
    const std::vector<DirRecord> records = DirRecords(tree_, id, parent);
    for (size_t first = 0; first < records.size();) {
      const size_t count = RecordsInBlock(records, first);
      if (first + count == records.size() && plan_.inline_tail[id]) break;
      FLOE_RETURN_IF_ERROR(out_.Put(EncodeDirBlock(records, first, count)));
      FLOE_RETURN_IF_ERROR(out_.PadToBlock());
      first += count;
    }
    return absl::OkStatus();
  }

  const Tree& tree_;
  const ImagePlan& plan_;
  BlockBuffer out_;
  uint32_t number_ = 0;
};

}  // namespace

absl::Status EmitMetadata(const Tree& tree, const ImagePlan& plan, ImageSink& sink) {
  return Writer(tree, plan, sink).Run();
}

}  // namespace floe::erofs
