// SPDX-License-Identifier: Apache-2.0
//   IMAGE = zeros[1024] SUPERBLOCK zeros ROOT FILE zeros DIRECTORY zeros DATA
// Inodes lie in block 0 at 32 x nid, the directory is block 1, the data blocks 2 to 17.
#include "mount/probe_image.h"

#include <sys/stat.h>

#include "base/codec.h"

namespace floe::mount {
namespace {

constexpr size_t kSuperOffset = 1024;
constexpr uint32_t kMagic = 0xe0f5e1e2;
constexpr uint16_t kRootNid = 40;
constexpr uint16_t kFileNid = 41;
constexpr uint8_t kRegularFile = 1;
constexpr uint8_t kDirectory = 2;
constexpr size_t kDirentBytes = 12;

void PadTo(LittleEndianWriter& out, size_t offset) { out.PutZeros(offset - out.size()); }

void PutSuperblock(LittleEndianWriter& out) {
  PadTo(out, kSuperOffset);
  out.Put<uint32_t>(kMagic);
  out.Put<uint32_t>(0);  // checksum: feature off
  out.Put<uint32_t>(0);  // compatible features
  out.Put<uint8_t>(12);  // log2 of the block size
  out.Put<uint8_t>(0);   // extra superblock slots
  out.Put<uint16_t>(kRootNid);
  out.Put<uint64_t>(2);  // inodes
  out.Put<uint64_t>(0);  // build time
  out.Put<uint32_t>(0);
  out.Put<uint32_t>(2 + kProbeDataBytes / kProbeBlockBytes);  // blocks
  out.Put<uint32_t>(0);                                       // first block with inodes
}

void PutInode(LittleEndianWriter& out, uint16_t nid, uint16_t mode, uint32_t size, uint32_t block) {
  PadTo(out, nid * 32U);
  out.Put<uint16_t>(0);  // compact, flat data
  out.Put<uint16_t>(0);  // no xattrs
  out.Put<uint16_t>(mode);
  out.Put<uint16_t>(1);  // links
  out.Put<uint32_t>(size);
  out.Put<uint32_t>(0);
  out.Put<uint32_t>(block);
  out.Put<uint32_t>(nid);  // st_ino
  out.PutZeros(8);         // owner and rest
}

void PutDirent(LittleEndianWriter& out, uint16_t nid, size_t name_offset, uint8_t type) {
  out.Put<uint64_t>(nid);
  out.Put<uint16_t>(static_cast<uint16_t>(name_offset));
  out.Put<uint8_t>(type);
  out.Put<uint8_t>(0);
}

}  // namespace

Bytes MakeProbeImage() {
  constexpr absl::string_view kNames = "...probe";  // ".", "..", "probe"
  constexpr size_t kNamesAt = 3 * kDirentBytes;
  LittleEndianWriter out;
  PutSuperblock(out);
  PutInode(out, kRootNid, S_IFDIR | 0755, kNamesAt + kNames.size(), 1);
  PutInode(out, kFileNid, S_IFREG | 0644, kProbeDataBytes, kProbeDataOffset / kProbeBlockBytes);
  PadTo(out, kProbeBlockBytes);
  PutDirent(out, kRootNid, kNamesAt, kDirectory);
  PutDirent(out, kRootNid, kNamesAt + 1, kDirectory);
  PutDirent(out, kFileNid, kNamesAt + 3, kRegularFile);
  out.PutBytes(AsBytes(kNames));
  PadTo(out, kProbeDataOffset);
  const Bytes data(kProbeDataBytes, kProbeByte);
  out.PutBytes(data);
  return out.Take();
}

}  // namespace floe::mount
