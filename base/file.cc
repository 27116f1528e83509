// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace floe {
namespace {

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string TemporaryNameBeside(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  return absl::StrCat(ParentOf(path), "/.tmp-", getpid(), "-", counter.fetch_add(1));
}

}  // namespace

absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags, mode_t mode) {
  return OpenFileAt(AT_FDCWD, path, flags, mode);
}

absl::StatusOr<UniqueFd> OpenFileAt(int directory, const std::string& path, int flags,
                                    mode_t mode) {
  const int fd = openat(directory, path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("open ", path));
  return UniqueFd(fd);
}

absl::Status ReadFullAt(int fd, MutableByteView out, uint64_t offset) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n =
        pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read");
    if (n == 0) {
      return absl::OutOfRangeError(
          absl::StrCat("read: file ends at ", offset + done, ", wanted ", offset + out.size()));
    }
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status WriteFullAt(int fd, ByteView bytes, uint64_t offset) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n =
        pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write");
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status WriteFull(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write");
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> FileSize(int fd) {
  struct stat st;
  if (fstat(fd, &st) != 0) return ErrnoStatus(errno, "stat");
  return static_cast<uint64_t>(st.st_size);
}

absl::StatusOr<Bytes> ReadWholeFd(int fd, uint64_t max_bytes) {
  FLOE_ASSIGN_OR_RETURN(const uint64_t size, FileSize(fd));
  if (size > max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("file of ", size, " bytes, at most ", max_bytes, " allowed"));
  }
  Bytes bytes(size);
  FLOE_RETURN_IF_ERROR(ReadFullAt(fd, bytes, 0));
  return bytes;
}

absl::StatusOr<Bytes> ReadWholeFile(const std::string& path, uint64_t max_bytes) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  auto bytes = ReadWholeFd(fd.get(), max_bytes);
  if (!bytes.ok()) return Annotate(bytes.status(), path);
  return bytes;
}

absl::Status SyncDirectory(const std::string& path) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY | O_DIRECTORY));
  if (fsync(fd.get()) != 0) return ErrnoStatus(errno, absl::StrCat("fsync ", path));
  return absl::OkStatus();
}

absl::Status MakeDirectories(const std::string& path, mode_t mode) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string prefix = path.substr(0, slash);
    if (mkdir(prefix.c_str(), mode) != 0 && errno != EEXIST) {
      return ErrnoStatus(errno, absl::StrCat("mkdir ", prefix));
    }
    if (slash == std::string::npos) break;
  }
  struct stat st;
  if (stat(path.c_str(), &st) != 0) return ErrnoStatus(errno, absl::StrCat("stat ", path));
  if (!S_ISDIR(st.st_mode)) return ErrnoStatus(ENOTDIR, absl::StrCat("mkdir ", path));
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path, ByteView bytes, mode_t mode,
                                 Replace replace, Durable durable) {
  const std::string temporary = TemporaryNameBeside(path);
  FLOE_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
  auto remove = absl::MakeCleanup([&] { unlink(temporary.c_str()); });
  FLOE_RETURN_IF_ERROR(Annotate(WriteFull(fd.get(), bytes), temporary));
  if (durable == Durable::kYes && fsync(fd.get()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("fsync ", temporary));
  }
  const int rc = replace == Replace::kYes ? rename(temporary.c_str(), path.c_str())
                                          : link(temporary.c_str(), path.c_str());
  if (rc != 0) return ErrnoStatus(errno, absl::StrCat("create ", path));
  if (replace == Replace::kYes) std::move(remove).Cancel();
  return durable == Durable::kYes ? SyncDirectory(ParentOf(path)) : absl::OkStatus();
}

absl::StatusOr<TempDir> TempDir::Create(const std::string& parent) {
  std::string base = parent;
  if (base.empty()) {
    const char* configured = getenv("TMPDIR");
    base = configured != nullptr && *configured != 0 ? configured : "/tmp";
  }
  std::string path = absl::StrCat(base, "/floe-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) return ErrnoStatus(errno, absl::StrCat("mkdtemp ", path));
  return TempDir(std::move(path));
}

TempDir::TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, "")) {}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TempDir::~TempDir() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace floe
