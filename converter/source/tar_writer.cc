// SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "converter/source/tar_file.h"
#include "oci/verifying_stream.h"

namespace floe::converter {
namespace {

constexpr size_t kTarWriteBytes = 1 << 20;

struct EntryDeleter {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

}  // namespace

TarWriter::TarWriter(std::string path)
    : path_(std::move(path)), temporary_(absl::StrCat(path_, ".floe-XXXXXX")) {}

TarWriter::~TarWriter() {
  if (writer_ != nullptr) archive_write_free(writer_);
  if (file_) unlink(temporary_.c_str());
}

absl::StatusOr<std::unique_ptr<TarWriter>> TarWriter::Create(const std::string& path) {
  std::unique_ptr<TarWriter> tar(new TarWriter(path));
  tar->file_.Reset(mkostemp(tar->temporary_.data(), O_CLOEXEC));
  if (!tar->file_) return ErrnoStatus(errno, absl::StrCat("create ", tar->temporary_));
  tar->writer_ = archive_write_new();
  archive_write_set_format_pax_restricted(tar->writer_);
  archive_write_set_bytes_in_last_block(tar->writer_, 1);
  if (archive_write_open_fd(tar->writer_, tar->file_.get()) != ARCHIVE_OK) {
    return tar->Failure("begin the archive");
  }
  return tar;
}

absl::Status TarWriter::Failure(absl::string_view what) const {
  const int error = archive_errno(writer_);
  const std::string text = absl::StrCat(path_, ": cannot ", what);
  if (error > 0) return ErrnoStatus(error, text);
  const char* reason = archive_error_string(writer_);
  return absl::InternalError(absl::StrCat(text, ": ", reason != nullptr ? reason : "unknown"));
}

absl::Status TarWriter::Begin(const std::string& member, uint64_t size) {
  FLOE_RETURN_IF_ERROR(failed_);
  const std::unique_ptr<archive_entry, EntryDeleter> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), member.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
  archive_entry_set_mtime(entry.get(), 0, 0);
  if (archive_write_header(writer_, entry.get()) == ARCHIVE_OK) return absl::OkStatus();
  return failed_ = Failure(absl::StrCat("write ", member));
}

absl::Status TarWriter::Write(ByteView bytes) {
  while (!bytes.empty()) {
    const la_ssize_t put = archive_write_data(writer_, bytes.data(), bytes.size());
    if (put <= 0) return failed_ = Failure("write");
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return absl::OkStatus();
}

absl::Status TarWriter::Add(const std::string& member, ByteView bytes) {
  FLOE_RETURN_IF_ERROR(Begin(member, bytes.size()));
  return Write(bytes);
}

absl::Status TarWriter::AddBlob(const std::string& member, const oci::Descriptor& descriptor,
                                ByteStream& stream, absl::string_view name) {
  FLOE_RETURN_IF_ERROR(Begin(member, descriptor.size));
  oci::VerifyingStream checked(std::make_unique<oci::BorrowedStream>(stream), descriptor,
                               std::string(name));
  Bytes buffer(kTarWriteBytes);
  while (true) {
    const absl::StatusOr<size_t> got = checked.Read(buffer);
    if (!got.ok()) return failed_ = got.status();
    if (*got == 0) return absl::OkStatus();
    FLOE_RETURN_IF_ERROR(Write(ByteView(buffer).first(*got)));
  }
}

absl::Status TarWriter::Commit() {
  FLOE_RETURN_IF_ERROR(failed_);
  if (archive_write_close(writer_) != ARCHIVE_OK) return failed_ = Failure("end the archive");
  // What a new file would get; mkostemp made it private.
  const mode_t mask = umask(0);
  umask(mask);
  if (fchmod(file_.get(), 0666 & ~mask) != 0 || fsync(file_.get()) != 0) {
    return failed_ = ErrnoStatus(errno, absl::StrCat("sync ", temporary_));
  }
  if (rename(temporary_.c_str(), path_.c_str()) != 0) {
    return failed_ = ErrnoStatus(errno, absl::StrCat("rename to ", path_));
  }
  file_.Reset();
  const size_t slash = path_.rfind('/');
  return SyncDirectory(slash == std::string::npos ? "." : path_.substr(0, slash + 1));
}

}  // namespace floe::converter
