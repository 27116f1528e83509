// SPDX-License-Identifier: Apache-2.0
// EROFS as it lies on disk, as far as flat images use it: uncompressed, 4 KiB blocks, no feature
// that kernel 5.15 does not know. Source: the kernel's fs/erofs documentation. doc/layout.md has
// the grammar.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace floe::erofs {

static_assert(std::endian::native == std::endian::little, "the structs below are little-endian");

inline constexpr uint32_t kBlockBits = 12;
inline constexpr uint32_t kBlockBytes = 1u << kBlockBits;
inline constexpr uint32_t kSuperOffset = 1024;
inline constexpr uint32_t kMagic = 0xE0F5E1E2;
inline constexpr uint32_t kSlotBytes = 32;  // an inode's number counts these
inline constexpr uint32_t kCompatChecksum = 0x1;
inline constexpr uint32_t kCompatMtime = 0x2;
inline constexpr uint32_t kNameMax = 255;
inline constexpr uint32_t kXattrValueMax = 65535;  // one less than Linux: e_value_size has 16 bits
inline constexpr uint32_t kSymlinkMax = 4095;

struct SuperBlock {
  uint32_t magic;
  uint32_t checksum;  // CRC-32C of the first block from kSuperOffset on, this field zero
  uint32_t feature_compat;
  uint8_t block_bits;
  uint8_t extra_slots;
  uint16_t root_nid;
  uint64_t inodes;
  uint64_t build_time;  // mtime of every compact inode
  uint32_t build_time_nsec;
  uint32_t blocks;
  uint32_t meta_block;   // slot 0 is here
  uint32_t xattr_block;  // shared xattrs are here
  uint8_t uuid[16];
  uint8_t volume_name[16];
  uint32_t feature_incompat;
  uint16_t compression;
  uint16_t extra_devices;
  uint16_t device_slot;
  uint8_t dir_block_bits;
  uint8_t xattr_prefix_count;
  uint32_t xattr_prefix_start;
  uint64_t packed_nid;
  uint8_t reserved[24];
} __attribute__((packed));
static_assert(sizeof(SuperBlock) == 128);

enum class DataLayout : uint8_t { kFlatPlain = 0, kFlatInline = 2 };
inline constexpr uint16_t kFormatExtended = 0x1;
inline constexpr uint16_t kFormatLayoutShift = 1;
inline constexpr uint16_t kFormatMask = 0xF;

// `where` is the first data block (regular files, directories, symlinks) or the device number.
struct CompactInode {
  uint16_t format;
  uint16_t xattr_count;
  uint16_t mode;
  uint16_t links;
  uint32_t size;
  uint32_t reserved;
  uint32_t where;
  uint32_t number;
  uint16_t uid;
  uint16_t gid;
  uint32_t reserved2;
} __attribute__((packed));
static_assert(sizeof(CompactInode) == 32);

struct ExtendedInode {
  uint16_t format;
  uint16_t xattr_count;
  uint16_t mode;
  uint16_t reserved;
  uint64_t size;
  uint32_t where;
  uint32_t number;
  uint32_t uid;
  uint32_t gid;
  uint64_t mtime;
  uint32_t mtime_nsec;
  uint32_t links;
  uint8_t reserved2[16];
} __attribute__((packed));
static_assert(sizeof(ExtendedInode) == 64);

// Entries of a directory block are in front, their names behind, both in byte order of the names.
struct DirEntry {
  uint64_t nid;
  uint16_t name_offset;
  uint8_t type;
  uint8_t reserved;
} __attribute__((packed));
static_assert(sizeof(DirEntry) == 12);

// Follows an inode whose xattr_count is c > 0; in all 12 + 4 * (c - 1) bytes long.
struct XattrHeader {
  uint32_t reserved;
  uint8_t shared_count;
  uint8_t reserved2[7];
} __attribute__((packed));
static_assert(sizeof(XattrHeader) == 12);

// Name and value follow, padded to 4 bytes.
struct XattrEntry {
  uint8_t name_length;
  uint8_t name_index;
  uint16_t value_size;
} __attribute__((packed));
static_assert(sizeof(XattrEntry) == 4);

enum FileType : uint8_t {
  kTypeUnknown = 0,
  kTypeRegular = 1,
  kTypeDirectory = 2,
  kTypeChar = 3,
  kTypeBlock = 4,
  kTypeFifo = 5,
  kTypeSocket = 6,
  kTypeSymlink = 7,
};

}  // namespace floe::erofs
