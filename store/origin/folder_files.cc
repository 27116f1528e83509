// SPDX-License-Identifier: Apache-2.0
#include "store/origin/folder_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <ctime>
#include <memory>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

// Not an object's name, so that no list shows it.
constexpr char kTemporaryFolder[] = ".tmp";
constexpr time_t kStaleSeconds = 24 * 60 * 60;
// Others read what one user wrote: the unprivileged reader of a node, a second converter. Who may
// enter is the business of the folder's own mode.
constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirectoryMode = 0755;

std::string RandomStem() {
  std::array<uint8_t, 8> random;
  RandomBytes(random);
  return ToHex(random);
}

// I/O errors of a disk or a server may pass; what the caller did wrong does not.
absl::Status IoStatus(int error, absl::string_view what) {
  switch (error) {
    case EIO:
    case ESTALE:
    case ETIMEDOUT:
    case EHOSTDOWN:
    case ENOTCONN:
    case EREMOTEIO:
      return absl::UnavailableError(absl::StrCat(what, ": ", strerrordesc_np(error)));
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(
          absl::StrCat(what,
                       ": no space left; free some there and run the command again, what is "
                       "stored already is kept"));
    default:
      return ErrnoStatus(error, what);
  }
}

}  // namespace

FolderFiles::FolderFiles(UniqueFd directory, std::string path)
    : directory_(std::move(directory)), path_(std::move(path)), temporary_stem_(RandomStem()) {}

absl::Status FolderFiles::Absent(const std::string& name) const {
  struct stat st;
  if (fstat(directory_.get(), &st) != 0 || st.st_nlink == 0) {
    return absl::UnavailableError(absl::StrCat("the folder ", path_, " was removed"));
  }
  return absl::NotFoundError(absl::StrCat(path_, "/", name, " is not there"));
}

absl::StatusOr<SealedBytes> FolderFiles::Read(const std::string& name, uint64_t max_bytes) const {
  const std::string what = absl::StrCat("read ", path_, "/", name);
  // O_NONBLOCK: a FIFO put there must not hang the reader.
  const UniqueFd fd(openat(directory_.get(), name.c_str(),
                           O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return Absent(name);
    if (errno == ELOOP) return absl::DataLossError(absl::StrCat(what, ": it is a symbolic link"));
    return IoStatus(errno, what);
  }
  struct stat st;
  if (fstat(fd.get(), &st) != 0) return IoStatus(errno, what);
  if (!S_ISREG(st.st_mode)) return absl::DataLossError(absl::StrCat(what, ": it is no file"));
  const auto size = static_cast<uint64_t>(st.st_size);
  if (size > max_bytes) {
    return absl::DataLossError(
        absl::StrCat(what, ": ", size, " bytes, at most ", max_bytes, " expected"));
  }
  auto bytes = std::make_shared<Bytes>(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t n = pread(fd.get(), bytes->data() + done, size - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoStatus(errno, what);
    if (n == 0) return absl::DataLossError(absl::StrCat(what, ": it shrank while being read"));
    done += static_cast<size_t>(n);
  }
  return SealedBytes(std::move(bytes));
}

absl::StatusOr<std::optional<PutResult>> FolderFiles::Present(const std::string& name,
                                                              uint64_t size) const {
  struct stat st;
  const std::string what = absl::StrCat("look for ", path_, "/", name);
  if (fstatat(directory_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::optional<PutResult>();
    return IoStatus(errno, what);
  }
  if (!S_ISREG(st.st_mode) || static_cast<uint64_t>(st.st_size) != size) {
    return absl::DataLossError(absl::StrCat(path_, "/", name, ": something else of ", st.st_size,
                                            " bytes is there instead of ", size));
  }
  return std::optional<PutResult>(PutResult::kExisted);
}

absl::StatusOr<std::string> FolderFiles::WriteTemporary(ByteView bytes, bool durable) {
  const uint64_t number = temporaries_.fetch_add(1);
  if (number == 0) RemoveStaleTemporaries();
  const std::string name = absl::StrCat(kTemporaryFolder, "/", temporary_stem_, "-", number);
  const std::string what = absl::StrCat("write ", path_, "/", name);
  const auto open_it = [&] {
    return openat(directory_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                  kFileMode);
  };
  UniqueFd fd(open_it());
  if (!fd && errno == ENOENT) {
    FLOE_RETURN_IF_ERROR(MakeParents(name));
    fd.Reset(open_it());
  }
  if (!fd) return IoStatus(errno, what);
  auto remove = absl::MakeCleanup([&] { unlinkat(directory_.get(), name.c_str(), 0); });
  if (fchmod(fd.get(), kFileMode) != 0) return IoStatus(errno, what);
  while (!bytes.empty()) {
    const ssize_t n = write(fd.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoStatus(errno, what);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  if (durable && fsync(fd.get()) != 0) return IoStatus(errno, what);
  // Begun now, while processors have other work, writing is mostly done when the flush comes. A
  // hint: errors are the flush's to tell.
  if (!durable) (void)sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  // Network file systems tell of a full disk here.
  if (close(fd.Release()) != 0) return IoStatus(errno, what);
  std::move(remove).Cancel();
  return name;
}

absl::Status FolderFiles::MakeParents(const std::string& name) const {
  for (size_t slash = name.find('/'); slash != std::string::npos;
       slash = name.find('/', slash + 1)) {
    const std::string parent = name.substr(0, slash);
    if (mkdirat(directory_.get(), parent.c_str(), kDirectoryMode) == 0) {
      // The umask of whoever came first must not shut out the others.
      fchmodat(directory_.get(), parent.c_str(), kDirectoryMode, 0);
    } else if (errno != EEXIST) {
      return IoStatus(errno, absl::StrCat("mkdir ", path_, "/", parent));
    }
  }
  return absl::OkStatus();
}

absl::Status FolderFiles::MoveIntoPlace(const std::string& temporary, const std::string& name,
                                        bool replace) {
  const int folder = directory_.get();
  const auto move = [&] {
    if (replace) return renameat(folder, temporary.c_str(), folder, name.c_str());
    int rc = renameat2(folder, temporary.c_str(), folder, name.c_str(), RENAME_NOREPLACE);
    // Some file systems (NFS) know no such rename; a link never replaces either.
    if (rc != 0 && (errno == EINVAL || errno == ENOSYS)) {
      rc = linkat(folder, temporary.c_str(), folder, name.c_str(), 0);
      if (rc == 0) unlinkat(folder, temporary.c_str(), 0);
    }
    return rc;
  };
  int rc = move();
  if (rc != 0 && errno == ENOENT) {
    FLOE_RETURN_IF_ERROR(MakeParents(name));
    rc = move();
  }
  if (rc == 0) return absl::OkStatus();
  const absl::Status status = IoStatus(errno, absl::StrCat("create ", path_, "/", name));
  unlinkat(folder, temporary.c_str(), 0);
  return status;
}

absl::StatusOr<PutResult> FolderFiles::Create(const std::string& name, ByteView bytes,
                                              bool durable) {
  FLOE_ASSIGN_OR_RETURN(std::optional<PutResult> present, Present(name, bytes.size()));
  if (!present) {
    FLOE_ASSIGN_OR_RETURN(const std::string temporary, WriteTemporary(bytes, durable));
    const absl::Status moved = MoveIntoPlace(temporary, name, /*replace=*/false);
    if (moved.ok()) {
      present = PutResult::kCreated;
    } else if (absl::IsAlreadyExists(moved)) {
      FLOE_ASSIGN_OR_RETURN(present, Present(name, bytes.size()));
      if (!present) return absl::UnavailableError(absl::StrCat(name, ": removed meanwhile"));
    } else {
      return moved;
    }
  }
  // Also when it was there: whoever wrote it may not have got as far as flushing it.
  if (durable) FLOE_RETURN_IF_ERROR(SyncObject(name));
  return *present;
}

absl::Status FolderFiles::Replace(const std::string& name, ByteView bytes) {
  FLOE_ASSIGN_OR_RETURN(const std::string temporary, WriteTemporary(bytes, /*durable=*/true));
  FLOE_RETURN_IF_ERROR(MoveIntoPlace(temporary, name, /*replace=*/true));
  return SyncObject(name);
}

absl::Status FolderFiles::SyncFileSystem() const {
  if (syncfs(directory_.get()) != 0) return IoStatus(errno, absl::StrCat("syncfs ", path_));
  return absl::OkStatus();
}

bool FolderFiles::SyncsAsWhole() const {
  struct statfs fs;
  return fstatfs(directory_.get(), &fs) == 0 && fs.f_type != FUSE_SUPER_MAGIC;
}

absl::Status FolderFiles::SyncPath(const std::string& name, int flags) const {
  const std::string what = absl::StrCat("fsync ", path_, "/", name);
  const UniqueFd fd(openat(directory_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | flags));
  if (!fd || fsync(fd.get()) != 0) return IoStatus(errno, what);
  return absl::OkStatus();
}

absl::Status FolderFiles::SyncObject(const std::string& name) const {
  FLOE_RETURN_IF_ERROR(SyncPath(name, O_NOFOLLOW));
  for (size_t slash = name.rfind('/'); slash != std::string::npos && slash > 0;
       slash = name.rfind('/', slash - 1)) {
    FLOE_RETURN_IF_ERROR(SyncPath(name.substr(0, slash), O_DIRECTORY));
  }
  return SyncPath(".", O_DIRECTORY);
}

void FolderFiles::RemoveStaleTemporaries() const {
  const int fd = openat(directory_.get(), kTemporaryFolder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(fd), closedir);
  const time_t now = time(nullptr);
  while (const dirent* entry = readdir(entries.get())) {
    struct stat st;
    if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) continue;
    if (now - st.st_mtime > kStaleSeconds) unlinkat(fd, entry->d_name, 0);
  }
}

}  // namespace floe::store
