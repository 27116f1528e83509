// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/recognise.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "snapshotter/tree_walk.h"

namespace floe::snapshotter {
namespace {

constexpr size_t kMagicBytes = sizeof kFloeMagic - 1;
constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

// The only entry of `directory` is called `name`.
absl::StatusOr<bool> HoldsOnly(int directory, const std::string& name) {
  FLOE_ASSIGN_OR_RETURN(const auto names, ListDirectory(directory));
  return names == std::vector<std::string>{name};
}

// What `name` is, without opening it: opening a device has effects.
bool IsOfType(int directory, const char* name, mode_t type) {
  struct stat st;
  return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == type;
}

bool BeginsWithMagic(int file) {
  uint8_t first[kMagicBytes];
  return ReadFullAt(file, first, 0).ok() && std::memcmp(first, kFloeMagic, kMagicBytes) == 0;
}

}  // namespace

absl::StatusOr<UniqueFd> FindManifest(const std::string& directory) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd root, OpenFile(directory, kOpenDirectory));
  FLOE_ASSIGN_OR_RETURN(const bool only_floe, HoldsOnly(root.get(), ".floe"));
  if (!only_floe || !IsOfType(root.get(), ".floe", S_IFDIR)) return UniqueFd();
  FLOE_ASSIGN_OR_RETURN(const UniqueFd floe, OpenFileAt(root.get(), ".floe", kOpenDirectory));
  FLOE_ASSIGN_OR_RETURN(const bool only_manifest, HoldsOnly(floe.get(), "manifest"));
  if (!only_manifest || !IsOfType(floe.get(), "manifest", S_IFREG)) return UniqueFd();
  FLOE_ASSIGN_OR_RETURN(UniqueFd file,
                        OpenFileAt(floe.get(), "manifest", O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat st;
  if (fstat(file.get(), &st) != 0) return ErrnoStatus(errno, "stat .floe/manifest");
  if (!S_ISREG(st.st_mode) || !BeginsWithMagic(file.get())) return UniqueFd();
  if (static_cast<uint64_t>(st.st_size) > kMaxManifestBytes) {
    Log(LogLevel::kWarning, "a file with floe's magic is too long to be a manifest: ordinary layer",
        {{"directory", directory}, {"bytes", st.st_size}});
    return UniqueFd();
  }
  return file;
}

absl::StatusOr<std::string> KeepManifest(int manifest, const std::string& manifests) {
  std::string temporary = absl::StrCat(manifests, "/.tmp-XXXXXX");
  const UniqueFd copy(mkostemp(temporary.data(), O_CLOEXEC));
  if (!copy) return ErrnoStatus(errno, absl::StrCat("create ", temporary));
  auto remove = absl::MakeCleanup([&] { unlink(temporary.c_str()); });

  Sha256 hash;
  Bytes buffer(1 << 20);
  for (uint64_t offset = 0;;) {
    const ssize_t n = pread(manifest, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read .floe/manifest");
    if (n == 0) break;
    offset += static_cast<size_t>(n);
    if (offset > kMaxManifestBytes) {
      return absl::OutOfRangeError("the manifest grows beyond 256 MiB while it is copied");
    }
    const ByteView part(buffer.data(), static_cast<size_t>(n));
    hash.Update(part);
    FLOE_RETURN_IF_ERROR(Annotate(WriteFull(copy.get(), part), temporary));
  }
  if (fsync(copy.get()) != 0) return ErrnoStatus(errno, absl::StrCat("fsync ", temporary));
  const std::string name = ToHex(hash.Finish());
  const std::string path = absl::StrCat(manifests, "/", name);
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("create ", path));
  }
  std::move(remove).Cancel();
  FLOE_RETURN_IF_ERROR(SyncDirectory(manifests));
  return name;
}

}  // namespace floe::snapshotter
