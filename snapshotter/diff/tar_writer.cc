// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/diff/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"

namespace floe::snapshotter {
namespace {

// A libarchive writer into a sink. Its address must not change: the library keeps it.
struct Output {
  struct archive* raw = archive_write_new();
  ByteSink sink;
  absl::Status error;  // of the sink

  explicit Output(ByteSink to) : sink(std::move(to)) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    if (raw == nullptr) return;
    archive_write_fail(raw);  // nothing more into the sink, which may be gone
    archive_write_free(raw);
  }

  absl::Status Check(int code, absl::string_view what) {
    if (!error.ok()) return error;
    if (code >= ARCHIVE_WARN) return absl::OkStatus();
    const char* reason = archive_error_string(raw);
    return absl::InternalError(absl::StrCat(what, ": ", reason != nullptr ? reason : "unknown"));
  }

  absl::Status Open() {
    archive_write_set_bytes_per_block(raw, 0);
    archive_write_set_bytes_in_last_block(raw, 1);
    return Check(archive_write_open(raw, this, nullptr, &Output::Write, nullptr), "open archive");
  }

  // Called by the library: no exception may pass.
  static la_ssize_t Write(struct archive* archive, void* self, const void* bytes, size_t length) {
    auto* output = static_cast<Output*>(self);
    try {
      output->error = output->sink({static_cast<const uint8_t*>(bytes), length});
    } catch (const std::exception& exception) {
      output->error = absl::InternalError(exception.what());
    }
    if (output->error.ok()) return static_cast<la_ssize_t>(length);
    archive_set_error(archive, EIO, "the sink failed");
    return -1;
  }

  absl::Status WriteData(ByteView bytes) {
    while (!bytes.empty()) {
      const la_ssize_t written = archive_write_data(raw, bytes.data(), bytes.size());
      if (written <= 0) return Check(ARCHIVE_FATAL, "write archive");
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }
};

using EntryOwner = std::unique_ptr<struct archive_entry, decltype(&archive_entry_free)>;

EntryOwner ToLibrary(const TarEntry& entry) {
  EntryOwner to(archive_entry_new(), &archive_entry_free);
  archive_entry_copy_stat(to.get(), &entry.st);
  archive_entry_set_mtime(to.get(), entry.st.st_mtim.tv_sec, 0);
  archive_entry_unset_atime(to.get());
  archive_entry_unset_ctime(to.get());
  archive_entry_unset_birthtime(to.get());
  archive_entry_copy_pathname(to.get(), entry.path.c_str());
  if (!S_ISREG(entry.st.st_mode)) archive_entry_set_size(to.get(), 0);
  if (S_ISLNK(entry.st.st_mode)) archive_entry_copy_symlink(to.get(), entry.symlink.c_str());
  if (!entry.hardlink.empty()) {
    archive_entry_copy_hardlink(to.get(), entry.hardlink.c_str());
    archive_entry_set_size(to.get(), 0);
  }
  for (const auto& [name, value] : entry.xattrs) {
    archive_entry_xattr_add_entry(to.get(), name.c_str(), value.data(), value.size());
  }
  return to;
}

}  // namespace

struct TarWriter::State {
  explicit State(ByteSink sink) : output(std::move(sink)) {}
  Output output;
  Bytes buffer = Bytes(1 << 20);
};

TarWriter::TarWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
TarWriter::TarWriter(TarWriter&&) noexcept = default;
TarWriter::~TarWriter() = default;

absl::StatusOr<TarWriter> TarWriter::Create(ByteSink sink) {
  auto state = std::make_unique<State>(std::move(sink));
  Output& output = state->output;
  FLOE_RETURN_IF_ERROR(output.Check(archive_write_set_format_pax_restricted(output.raw), "pax"));
  // Xattrs in the form that containerd reads. A name that is not ASCII goes out as the bytes it is,
  // with a header that says so: the "C" locale, which we never leave, translates nothing.
  FLOE_RETURN_IF_ERROR(
      output.Check(archive_write_set_options(output.raw, "pax:xattrheader=SCHILY"), "tar options"));
  FLOE_RETURN_IF_ERROR(output.Open());
  return TarWriter(std::move(state));
}

absl::Status TarWriter::Add(const TarEntry& entry, int content) {
  Output& output = state_->output;
  const EntryOwner header = ToLibrary(entry);
  FLOE_RETURN_IF_ERROR(output.Check(archive_write_header(output.raw, header.get()),
                                    absl::StrCat("tar entry ", entry.path)));
  if (!S_ISREG(entry.st.st_mode) || !entry.hardlink.empty()) return absl::OkStatus();
  const auto size = static_cast<uint64_t>(entry.st.st_size);
  for (uint64_t offset = 0; offset < size;) {
    const size_t length = std::min<uint64_t>(state_->buffer.size(), size - offset);
    const MutableByteView part(state_->buffer.data(), length);
    if (const absl::Status read = ReadFullAt(content, part, offset); !read.ok()) {
      return absl::AbortedError(absl::StrCat(entry.path, " changed while it was read (",
                                             read.message(),
                                             "); pause the container and try again"));
    }
    FLOE_RETURN_IF_ERROR(output.WriteData(part));
    offset += length;
  }
  return absl::OkStatus();
}

absl::Status TarWriter::Finish() {
  return state_->output.Check(archive_write_close(state_->output.raw), "end of tar");
}

// libarchive's filters stand behind a "raw" archive of one entry.
struct Compressor::State {
  explicit State(ByteSink sink) : output(std::move(sink)) {}
  Output output;
};

Compressor::Compressor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor::~Compressor() = default;

absl::StatusOr<Compressor> Compressor::Create(Compression compression, ByteSink sink) {
  auto state = std::make_unique<State>(std::move(sink));
  Output& output = state->output;
  FLOE_RETURN_IF_ERROR(output.Check(archive_write_set_format_raw(output.raw), "raw"));
  if (compression == Compression::kGzip) {
    FLOE_RETURN_IF_ERROR(output.Check(archive_write_add_filter_gzip(output.raw), "gzip"));
    // No time in the header: the same layer has the same digest.
    FLOE_RETURN_IF_ERROR(
        output.Check(archive_write_set_options(output.raw, "gzip:!timestamp"), "gzip"));
  } else if (compression == Compression::kZstd) {
    FLOE_RETURN_IF_ERROR(output.Check(archive_write_add_filter_zstd(output.raw), "zstd"));
  }
  FLOE_RETURN_IF_ERROR(output.Open());
  const EntryOwner entry(archive_entry_new(), &archive_entry_free);
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  FLOE_RETURN_IF_ERROR(output.Check(archive_write_header(output.raw, entry.get()), "raw entry"));
  return Compressor(std::move(state));
}

absl::Status Compressor::Write(ByteView bytes) { return state_->output.WriteData(bytes); }

absl::Status Compressor::Finish() {
  return state_->output.Check(archive_write_close(state_->output.raw), "end of compression");
}

}  // namespace floe::snapshotter
