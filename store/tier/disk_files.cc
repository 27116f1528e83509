// SPDX-License-Identifier: Apache-2.0
#include "store/tier/disk_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/codec.h"
#include "base/file.h"

namespace floe::store {
namespace {

constexpr char kMagic[] = "FLOEDT01";
constexpr size_t kMaxSealedBytes = 2 << 20;
constexpr size_t kMaxRecencyBytes = 512 << 20;
// Pages of this many written files wait for writeback before they are dropped.
constexpr size_t kWrittenKept = 32;

std::string FolderOf(const ChunkId& id) { return absl::StrCat("c/", id.ToHex().substr(0, 2)); }

std::string NameOf(const ChunkId& id, uint32_t sealed_length) {
  return absl::StrCat(FolderOf(id), "/", id.ToHex(), ".", absl::Hex(sealed_length));
}

std::optional<FoundEntry> ParseName(absl::string_view name) {
  const size_t dot = name.find('.');
  if (dot == absl::string_view::npos) return std::nullopt;
  const auto id = ChunkId::FromHex(name.substr(0, dot));
  uint32_t length = 0;
  if (!id || !absl::SimpleHexAtoi(name.substr(dot + 1), &length)) return std::nullopt;
  if (length == 0 || length > kMaxSealedBytes) return std::nullopt;
  if (absl::StrCat(absl::Hex(length)) != name.substr(dot + 1)) return std::nullopt;
  return FoundEntry{*id, length};
}

Bytes Header(const VerifiedSealed& chunk, const DiskEntryMac::Proof& proof) {
  LittleEndianWriter writer;
  writer.PutBytes(AsBytes(absl::string_view(kMagic, 8)));
  writer.Put<uint32_t>(static_cast<uint32_t>(chunk.bytes().size()));
  writer.Put<uint32_t>(0);
  writer.PutBytes(proof.nonce);
  writer.PutBytes(proof.tag);
  writer.PutZeros(kDiskEntryHeaderBytes - writer.size());
  return writer.Take();
}

std::optional<DiskEntryMac::Proof> ParseHeader(ByteView header, uint32_t sealed_length) {
  LittleEndianReader reader(header);
  if (AsText(reader.GetBytes(8)) != absl::string_view(kMagic, 8)) return std::nullopt;
  if (reader.Get<uint32_t>() != sealed_length || reader.Get<uint32_t>() != 0) return std::nullopt;
  DiskEntryMac::Proof proof;
  const ByteView nonce = reader.GetBytes(proof.nonce.size());
  const ByteView tag = reader.GetBytes(proof.tag.size());
  if (!reader.ok()) return std::nullopt;
  std::memcpy(proof.nonce.data(), nonce.data(), nonce.size());
  std::memcpy(proof.tag.data(), tag.data(), tag.size());
  return proof;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

absl::StatusOr<Directory> OpenDirectory(int parent, const std::string& path) {
  FLOE_ASSIGN_OR_RETURN(UniqueFd fd, OpenFileAt(parent, path, O_RDONLY | O_DIRECTORY));
  Directory directory(fdopendir(fd.get()));
  if (!directory) return ErrnoStatus(errno, absl::StrCat("opendir ", path));
  (void)fd.Release();
  return directory;
}

absl::Status MakeFolder(int parent, const std::string& path) {
  if (mkdirat(parent, path.c_str(), 0700) == 0 || errno == EEXIST) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("mkdir ", path));
}

absl::Status DeleteContent(int parent, const std::string& folder) {
  FLOE_ASSIGN_OR_RETURN(const Directory directory, OpenDirectory(parent, folder));
  while (const dirent* entry = readdir(directory.get())) {
    unlinkat(dirfd(directory.get()), entry->d_name, 0);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DiskFiles>> DiskFiles::Open(const std::string& directory,
                                                           DiskEntryMac mac) {
  FLOE_RETURN_IF_ERROR(MakeDirectories(directory, 0700));
  FLOE_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(directory, O_RDONLY | O_DIRECTORY));
  FLOE_ASSIGN_OR_RETURN(UniqueFd lock, OpenFileAt(fd.get(), "lock", O_RDWR | O_CREAT, 0600));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cache ", directory, " is in use by another floe-fusefs: give each its own"));
  }
  FLOE_RETURN_IF_ERROR(MakeFolder(fd.get(), "c"));
  FLOE_RETURN_IF_ERROR(MakeFolder(fd.get(), "tmp"));
  for (unsigned i = 0; i < 256; ++i) {
    FLOE_RETURN_IF_ERROR(MakeFolder(fd.get(), absl::StrCat("c/", absl::Hex(i, absl::kZeroPad2))));
  }
  FLOE_RETURN_IF_ERROR(DeleteContent(fd.get(), "tmp"));
  return std::unique_ptr<DiskFiles>(
      new DiskFiles(directory, std::move(fd), std::move(lock), std::move(mac)));
}

absl::StatusOr<std::vector<FoundEntry>> DiskFiles::Scan() {
  std::vector<FoundEntry> found;
  for (unsigned i = 0; i < 256; ++i) {
    const std::string folder = absl::StrCat("c/", absl::Hex(i, absl::kZeroPad2));
    FLOE_RETURN_IF_ERROR(ScanFolder(folder, found));
  }
  return found;
}

absl::Status DiskFiles::ScanFolder(const std::string& folder, std::vector<FoundEntry>& found) {
  FLOE_ASSIGN_OR_RETURN(const Directory directory, OpenDirectory(fd_.get(), folder));
  while (const dirent* entry = readdir(directory.get())) {
    const absl::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    const auto parsed = ParseName(name);
    if (parsed && FolderOf(parsed->id) == folder) {
      found.push_back(*parsed);
    } else {
      unlinkat(dirfd(directory.get()), entry->d_name, 0);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<VerifiedSealed> DiskFiles::Read(const ChunkId& id, uint32_t sealed_length) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd fd,
                        OpenFileAt(fd_.get(), NameOf(id, sealed_length), O_RDONLY | O_NOFOLLOW));
  FLOE_ASSIGN_OR_RETURN(const uint64_t size, FileSize(fd.get()));
  const auto damaged =
      absl::DataLossError(absl::StrCat("cached chunk ", id.ToHex(), " was altered"));
  if (size != kDiskEntryHeaderBytes + sealed_length) return damaged;
  std::array<uint8_t, kDiskEntryHeaderBytes> header;
  auto sealed = std::make_shared<Bytes>(sealed_length);
  struct iovec parts[] = {{header.data(), header.size()}, {sealed->data(), sealed->size()}};
  ssize_t n;
  do {
    n = preadv(fd.get(), parts, 2, 0);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return absl::UnavailableError(ErrnoStatus(errno, NameOf(id, sealed_length)).message());
  // Read once and opened into other memory: its pages would only push out better ones.
  posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  if (static_cast<size_t>(n) != size) return damaged;
  const auto proof = ParseHeader(header, sealed_length);
  if (!proof) return damaged;
  return mac_.Check(id, *proof, std::move(sealed));
}

absl::Status DiskFiles::Write(const VerifiedSealed& chunk) {
  std::string temporary;
  {
    MutexLock lock(mutex_);
    temporary = absl::StrCat("tmp/", next_temporary_++);
  }
  const auto length = static_cast<uint32_t>(chunk.bytes().size());
  FLOE_ASSIGN_OR_RETURN(
      UniqueFd fd, OpenFileAt(fd_.get(), temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  const Bytes header = Header(chunk, mac_.Make(chunk));
  absl::Status status = WriteFullAt(fd.get(), header, 0);
  if (status.ok()) status = WriteFullAt(fd.get(), chunk.bytes(), header.size());
  if (status.ok() &&
      renameat(fd_.get(), temporary.c_str(), fd_.get(), NameOf(chunk.id(), length).c_str()) != 0) {
    status = ErrnoStatus(errno, absl::StrCat("rename ", temporary));
  }
  if (!status.ok()) {
    unlinkat(fd_.get(), temporary.c_str(), 0);
    return Annotate(status, directory_);
  }
  ForgetPagesLater(std::move(fd));
  return absl::OkStatus();
}

// Writeback begins now; when it is over (some files later) the pages can go.
void DiskFiles::ForgetPagesLater(UniqueFd written) {
  sync_file_range(written.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  UniqueFd oldest;
  {
    MutexLock lock(mutex_);
    written_.push_back(std::move(written));
    if (written_.size() <= kWrittenKept) return;
    oldest = std::move(written_.front());
    written_.pop_front();
  }
  posix_fadvise(oldest.get(), 0, 0, POSIX_FADV_DONTNEED);
}

void DiskFiles::Remove(const ChunkId& id, uint32_t sealed_length) {
  unlinkat(fd_.get(), NameOf(id, sealed_length).c_str(), 0);
}

absl::Status DiskFiles::Sync() {
  if (syncfs(fd_.get()) != 0) return ErrnoStatus(errno, absl::StrCat("syncfs ", directory_));
  return absl::OkStatus();
}

absl::StatusOr<FileSystemSpace> DiskFiles::Space() const {
  struct statvfs st;
  if (fstatvfs(fd_.get(), &st) != 0)
    return ErrnoStatus(errno, absl::StrCat("statvfs ", directory_));
  return FileSystemSpace{uint64_t{st.f_blocks} * st.f_frsize, uint64_t{st.f_bavail} * st.f_frsize,
                         st.f_frsize};
}

absl::StatusOr<Bytes> DiskFiles::ReadRecency() const {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFileAt(fd_.get(), "recency", O_RDONLY));
  return ReadWholeFd(fd.get(), kMaxRecencyBytes);
}

absl::Status DiskFiles::WriteRecency(ByteView bytes) const {
  {
    FLOE_ASSIGN_OR_RETURN(const UniqueFd fd,
                          OpenFileAt(fd_.get(), "tmp/recency", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    FLOE_RETURN_IF_ERROR(WriteFullAt(fd.get(), bytes, 0));
  }
  if (renameat(fd_.get(), "tmp/recency", fd_.get(), "recency") != 0) {
    return ErrnoStatus(errno, absl::StrCat("rename ", directory_, "/recency"));
  }
  return absl::OkStatus();
}

}  // namespace floe::store
