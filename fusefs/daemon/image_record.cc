// SPDX-License-Identifier: Apache-2.0
#include "fusefs/daemon/image_record.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "base/codec.h"
#include "base/file.h"

namespace floe::fusefs {
namespace {

constexpr uint32_t kVersion = 1;
constexpr uint32_t kClosing = 1;
constexpr size_t kFileKeyBytes = 32;

}  // namespace

Bytes EncodeImageRecord(const ImageRecord& record) {
  LittleEndianWriter writer;
  writer.Put<uint32_t>(kVersion);
  writer.Put<uint32_t>(record.closing ? kClosing : 0);
  writer.Put<uint64_t>(record.inode);
  writer.PutBytes(record.manifest.bytes);
  writer.Put<uint16_t>(static_cast<uint16_t>(record.label.size()));
  writer.PutBytes(AsBytes(record.label));
  writer.Put<uint32_t>(static_cast<uint32_t>(record.handles.size()));
  for (const uint64_t handle : record.handles) writer.Put<uint64_t>(handle);
  return writer.Take();
}

absl::StatusOr<ImageRecord> DecodeImageRecord(ByteView blob) {
  LittleEndianReader reader(blob);
  ImageRecord record;
  const uint32_t version = reader.Get<uint32_t>();
  const uint32_t flags = reader.Get<uint32_t>();
  record.closing = (flags & kClosing) != 0;
  record.inode = reader.Get<uint64_t>();
  const ByteView manifest = reader.GetBytes(record.manifest.bytes.size());
  if (reader.ok()) std::memcpy(record.manifest.bytes.data(), manifest.data(), manifest.size());
  record.label = std::string(AsText(reader.GetBytes(reader.Get<uint16_t>())));
  for (uint32_t left = reader.Get<uint32_t>(); left > 0 && reader.ok(); --left) {
    record.handles.insert(reader.Get<uint64_t>());
  }
  if (!reader.ok() || reader.remaining() != 0 || version != kVersion || (flags & ~kClosing) != 0) {
    return absl::FailedPreconditionError("the keeper's record of an image is not of this version");
  }
  return record;
}

absl::StatusOr<UniqueFd> SealFileKey(const Secret& key) {
  UniqueFd fd(memfd_create("floe-file-key", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return ErrnoStatus(errno, "memfd_create");
  FLOE_RETURN_IF_ERROR(WriteFullAt(fd.get(), key.view(), 0));
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return ErrnoStatus(errno, "seal memfd");
  }
  return fd;
}

absl::StatusOr<Secret> ReadFileKey(int fd) {
  Secret key(kFileKeyBytes);
  FLOE_RETURN_IF_ERROR(ReadFullAt(fd, key.mutable_view(), 0));
  return key;
}

}  // namespace floe::fusefs
