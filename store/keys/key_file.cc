// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "store/keys/key_text.h"

namespace floe::store {
namespace {

constexpr uint64_t kMaxFileBytes = 1 << 20;

absl::Status CheckSecretMode(int fd) {
  struct stat st;
  if (fstat(fd, &st) != 0) return ErrnoStatus(errno, "stat");
  if ((st.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(
        "a secret key that others than its owner may read or write; make a new one, or run "
        "`chmod 600` if nobody saw it");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<KeyEntry>> ReadFd(int fd, KeyFileAccess access) {
  if (access == KeyFileAccess::kSecret) FLOE_RETURN_IF_ERROR(CheckSecretMode(fd));
  FLOE_ASSIGN_OR_RETURN(Bytes bytes, ReadWholeFd(fd, kMaxFileBytes));
  auto entries = ParseKeyText(AsText(bytes));
  Wipe(bytes);
  return entries;
}

}  // namespace

absl::StatusOr<std::vector<KeyEntry>> ReadKeyFile(const std::string& path, KeyFileAccess access) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  auto entries = ReadFd(fd.get(), access);
  if (!entries.ok()) return Annotate(entries.status(), path);
  return entries;
}

absl::Status WriteKeyFile(const std::string& path, const std::vector<KeyEntry>& entries,
                          KeyFileAccess access) {
  const Secret text = FormatKeyText(entries);
  const mode_t mode = access == KeyFileAccess::kSecret ? 0600 : 0644;
  return WriteFileAtomically(path, text.view(), mode, Replace::kNo, Durable::kYes);
}

absl::Status MakeKeyDirectory(const std::string& path, const std::string& below) {
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    FLOE_RETURN_IF_ERROR(MakeDirectories(path.substr(0, slash), 0755));
  }
  FLOE_RETURN_IF_ERROR(MakeDirectories(path, 0700));
  return below.empty() ? absl::OkStatus() : MakeDirectories(absl::StrCat(path, "/", below), 0700);
}

absl::StatusOr<std::vector<std::string>> KeyFilesIn(const std::string& directory,
                                                    absl::string_view extension) {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::filesystem::path& path = entries->path();
    // A name with a dot in front is a temporary file.
    const std::string name = path.filename().string();
    if (name[0] != '.' && path.extension().string() == extension) files.push_back(path.string());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return ErrnoStatus(error.value(), absl::StrCat("list ", directory));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace floe::store
