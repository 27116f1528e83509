// SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "converter/source/tar_file.h"
#include "oci/verifying_stream.h"

namespace floe::converter {
namespace {

constexpr size_t kTarReadBytes = 1 << 20;
constexpr size_t kMaxMembers = 1'000'000;
constexpr size_t kMaxMemberName = 4096;
constexpr int kMaxLinks = 8;

struct ArchiveDeleter {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using ArchivePtr = std::unique_ptr<archive, ArchiveDeleter>;

std::string ErrorOf(archive* reader) {
  const char* text = archive_error_string(reader);
  return text != nullptr ? text : "unknown error";
}

bool IsCompressed(ByteView start) {
  const absl::string_view text = AsText(start);
  return absl::StartsWith(text, "\x1f\x8b") || absl::StartsWith(text, "\x28\xb5\x2f\xfd") ||
         absl::StartsWith(text, absl::string_view("\xfd"
                                                  "7zXZ\0",
                                                  6)) ||
         absl::StartsWith(text, "BZh");
}

// "./a//b" and "a/b" are the same member.
std::string Cleaned(absl::string_view path) {
  while (absl::ConsumePrefix(&path, "./") || absl::ConsumePrefix(&path, "/")) {
  }
  return std::string(path);
}

// The member that a link inside "dir/name" to "../other/x" means.
std::string LinkTarget(const std::string& member, absl::string_view target, bool symbolic) {
  if (!symbolic || absl::StartsWith(target, "/")) return Cleaned(target);
  std::string base = member.substr(0, member.rfind('/') + 1);
  while (absl::ConsumePrefix(&target, "../")) {
    if (!base.empty()) base.pop_back();
    base = base.substr(0, base.rfind('/') + 1);
  }
  return Cleaned(absl::StrCat(base, target));
}

// A file without a name in `directory`.
absl::StatusOr<UniqueFd> AnonymousFile(std::string directory) {
  if (directory.empty()) {
    const char* configured = getenv("TMPDIR");
    directory = configured != nullptr && *configured != '\0' ? configured : "/tmp";
  }
  std::string path = absl::StrCat(directory, "/floe-XXXXXX");
  UniqueFd file(mkostemp(path.data(), O_CLOEXEC));
  if (!file) return ErrnoStatus(errno, absl::StrCat("create ", path));
  unlink(path.c_str());
  return file;
}

absl::StatusOr<UniqueFd> Decompress(int from, const std::string& work_dir,
                                    const std::string& name) {
  FLOE_ASSIGN_OR_RETURN(UniqueFd to, AnonymousFile(work_dir));
  const ArchivePtr reader(archive_read_new());
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_fd(reader.get(), from, kTarReadBytes) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK) {
    return absl::DataLossError(
        absl::StrCat(name, ": cannot be decompressed: ", ErrorOf(reader.get())));
  }
  Bytes buffer(kTarReadBytes);
  while (true) {
    const la_ssize_t got = archive_read_data(reader.get(), buffer.data(), buffer.size());
    if (got == 0) return to;
    if (got < 0) {
      return absl::DataLossError(
          absl::StrCat(name, ": cannot be decompressed: ", ErrorOf(reader.get())));
    }
    FLOE_RETURN_IF_ERROR(
        Annotate(WriteFull(to.get(), ByteView(buffer).first(static_cast<size_t>(got))), name));
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TarFile>> TarFile::Open(const std::string& path,
                                                             const std::string& work_dir,
                                                             const std::string& name) {
  absl::StatusOr<UniqueFd> file = OpenFile(path, O_RDONLY | O_NONBLOCK);
  if (absl::IsNotFound(file.status())) {
    return absl::NotFoundError(absl::StrCat(name, ": there is no file \"", path, "\""));
  }
  if (!file.ok()) return Annotate(file.status(), name);
  FLOE_ASSIGN_OR_RETURN(const uint64_t size, FileSize(file->get()));
  Bytes start(std::min<uint64_t>(size, 8));
  FLOE_RETURN_IF_ERROR(Annotate(ReadFullAt(file->get(), start, 0), name));
  if (IsCompressed(start)) {
    FLOE_ASSIGN_OR_RETURN(file, Decompress(file->get(), work_dir, name));
    if (lseek(file->get(), 0, SEEK_SET) != 0) return ErrnoStatus(errno, name);
  }
  std::shared_ptr<TarFile> tar(new TarFile(name));
  tar->file_ = std::make_shared<const UniqueFd>(*std::move(file));
  FLOE_RETURN_IF_ERROR(tar->ReadIndex());
  return tar;
}

absl::Status TarFile::ReadIndex() {
  const ArchivePtr reader(archive_read_new());
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_fd(reader.get(), file_->get(), kTarReadBytes) != ARCHIVE_OK) {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ": no tar archive: ", ErrorOf(reader.get())));
  }
  while (true) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) return absl::OkStatus();
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
      return absl::InvalidArgumentError(
          absl::StrCat(name_, ": no whole tar archive: ", ErrorOf(reader.get())));
    }
    const char* path = archive_entry_pathname(entry);
    if (path == nullptr || strlen(path) > kMaxMemberName || members_.size() >= kMaxMembers) {
      return absl::InvalidArgumentError(
          absl::StrCat(name_, ": holds names or numbers of files that no image has"));
    }
    const std::string member = Cleaned(path);
    if (const char* hard = archive_entry_hardlink(entry)) {
      members_[member] = {0, 0, LinkTarget(member, hard, false)};
    } else if (archive_entry_filetype(entry) == AE_IFLNK) {
      const char* target = archive_entry_symlink(entry);
      members_[member] = {0, 0, LinkTarget(member, target != nullptr ? target : "", true)};
    } else if (archive_entry_filetype(entry) == AE_IFREG) {
      if (archive_entry_sparse_count(entry) > 0) {
        return absl::InvalidArgumentError(absl::StrCat(name_, ": ", member, " is a sparse file"));
      }
      // What libarchive has consumed of the tar ends where the member's data begins. (Whatever is
      // read there is checked against a digest.)
      members_[member] = {static_cast<uint64_t>(archive_filter_bytes(reader.get(), 0)),
                          static_cast<uint64_t>(archive_entry_size(entry)), ""};
    }
  }
}

absl::StatusOr<TarFile::Member> TarFile::Find(const std::string& member) const {
  std::string wanted = Cleaned(member);
  for (int i = 0; i < kMaxLinks; ++i) {
    const auto it = members_.find(wanted);
    if (it == members_.end()) {
      return absl::NotFoundError(absl::StrCat(name_, ": \"", member, "\" is not in the archive"));
    }
    if (it->second.link.empty()) return it->second;
    wanted = it->second.link;
  }
  return absl::InvalidArgumentError(absl::StrCat(name_, ": \"", member, "\" is a circle of links"));
}

absl::StatusOr<uint64_t> TarFile::Size(const std::string& member) const {
  FLOE_ASSIGN_OR_RETURN(const Member found, Find(member));
  return found.size;
}

absl::StatusOr<std::unique_ptr<ByteStream>> TarFile::OpenMember(const std::string& member) const {
  FLOE_ASSIGN_OR_RETURN(const Member found, Find(member));
  return std::make_unique<oci::FileStream>(file_, found.offset, found.size,
                                           absl::StrCat(name_, ": ", member));
}

absl::StatusOr<Bytes> TarFile::ReadMember(const std::string& member, uint64_t max_bytes) const {
  FLOE_ASSIGN_OR_RETURN(const std::unique_ptr<ByteStream> stream, OpenMember(member));
  return oci::ReadAll(*stream, max_bytes, absl::StrCat(name_, ": ", member));
}

}  // namespace floe::converter
