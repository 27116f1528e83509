// SPDX-License-Identifier: Apache-2.0
#include "converter/publish/tree_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/sha256.h"
#include "erofs/walk.h"
#include "oci/digest.h"

namespace floe::converter {
namespace {

constexpr size_t kPieceBytes = 1 << 20;

struct WriteFree {
  void operator()(archive* a) const { archive_write_free(a); }
};
using Writer = std::unique_ptr<archive, WriteFree>;
struct EntryFree {
  void operator()(archive_entry* e) const { archive_entry_free(e); }
};
using EntryPtr = std::unique_ptr<archive_entry, EntryFree>;

// Bytes on their way: tar -> (hash: diff id) -> gzip -> (hash: digest) -> file. libarchive calls
// back without any way to say more than "failed", so the reason is kept here.
class LayerPipe {
 public:
  LayerPipe(int fd, Writer tar, Writer gzip)
      : fd_(fd), gzip_(std::move(gzip)), tar_(std::move(tar)) {}

  absl::Status Open();
  absl::StatusOr<WrittenLayer> Close();
  archive* tar() { return tar_.get(); }
  // What went wrong in `writer`, or below it.
  absl::Status Error(archive* writer) const {
    if (!status_.ok()) return status_;
    const char* text = archive_error_string(writer);
    return absl::InternalError(absl::StrCat("tar: ", text != nullptr ? text : "unknown error"));
  }

 private:
  static la_ssize_t OnTar(archive*, void* self, const void* bytes, size_t size) {
    return static_cast<LayerPipe*>(self)->Compress({static_cast<const uint8_t*>(bytes), size});
  }
  static la_ssize_t OnGzip(archive*, void* self, const void* bytes, size_t size) {
    return static_cast<LayerPipe*>(self)->Store({static_cast<const uint8_t*>(bytes), size});
  }
  la_ssize_t Compress(ByteView bytes) {
    diff_.Update(bytes);
    return archive_write_data(gzip_.get(), bytes.data(), bytes.size());
  }
  la_ssize_t Store(ByteView bytes) {
    status_ = WriteFull(fd_, bytes);
    if (!status_.ok()) return -1;
    digest_.Update(bytes);
    size_ += bytes.size();
    return static_cast<la_ssize_t>(bytes.size());
  }

  const int fd_;
  Sha256 diff_;
  Sha256 digest_;
  uint64_t size_ = 0;
  absl::Status status_;
  // Freed in this order's reverse: freeing the tar may write what is left into gzip and the above.
  Writer gzip_;
  Writer tar_;
};

absl::Status LayerPipe::Open() {
  archive* gzip = gzip_.get();
  archive_write_set_format_raw(gzip);
  archive_write_add_filter_gzip(gzip);
  archive_write_set_filter_option(gzip, "gzip", "timestamp", nullptr);
  archive_write_set_bytes_per_block(gzip, kPieceBytes);
  archive_write_set_bytes_in_last_block(gzip, 1);
  if (archive_write_open(gzip, this, nullptr, OnGzip, nullptr) != ARCHIVE_OK) return Error(gzip);
  const EntryPtr body(archive_entry_new());
  archive_entry_set_filetype(body.get(), AE_IFREG);
  archive_entry_set_pathname(body.get(), "layer");
  if (archive_write_header(gzip, body.get()) != ARCHIVE_OK) return Error(gzip);
  archive* tar = tar_.get();
  archive_write_set_format_pax(tar);
  archive_write_set_format_option(tar, "pax", "hdrcharset", "BINARY");
  archive_write_set_format_option(tar, "pax", "xattrheader", "SCHILY");
  archive_write_set_bytes_per_block(tar, kPieceBytes);
  archive_write_set_bytes_in_last_block(tar, 512);
  if (archive_write_open(tar, this, nullptr, OnTar, nullptr) != ARCHIVE_OK) return Error(tar);
  return absl::OkStatus();
}

absl::StatusOr<WrittenLayer> LayerPipe::Close() {
  if (archive_write_close(tar_.get()) != ARCHIVE_OK) return Error(tar_.get());
  if (archive_write_close(gzip_.get()) != ARCHIVE_OK) return Error(gzip_.get());
  FLOE_RETURN_IF_ERROR(status_);
  WrittenLayer layer;
  layer.digest = oci::DigestString(digest_.Finish());
  layer.diff_id = oci::DigestString(diff_.Finish());
  layer.size = size_;
  return layer;
}

// Walks a tree into a LayerPipe.
class TreeWriter {
 public:
  TreeWriter(const erofs::Tree& tree, const erofs::ReadAt& read, const CancelToken& cancel,
             LayerPipe& pipe)
      : tree_(tree), read_(read), cancel_(cancel), pipe_(pipe), first_names_(tree.inode_count()) {}

  absl::Status WriteAll() {
    absl::Status status;
    erofs::WalkTree(tree_, [&](erofs::InodeId id, erofs::InodeId, absl::string_view path) {
      if (status.ok()) status = Write(id, path);
    });
    return status;
  }

 private:
  absl::Status Write(erofs::InodeId id, absl::string_view path);
  void Describe(erofs::InodeId id, const std::string& name, archive_entry* entry);
  absl::Status WriteData(const erofs::Inode& inode);

  const erofs::Tree& tree_;
  const erofs::ReadAt& read_;
  const CancelToken& cancel_;
  LayerPipe& pipe_;
  std::vector<std::string> first_names_;  // of inodes with several names
  Bytes buffer_;
};

// libarchive 3.6 writes the seconds, a point and the nanoseconds, also before 1970, where the
// nanoseconds count forward from the second below: -1.5 s would become -2.5. So they are turned
// round here; what lies less than a second before 1970 it cannot say, and loses its fraction.
void SetTime(const erofs::Inode& inode, archive_entry* entry) {
  if (inode.mtime >= 0 || inode.mtime_nsec == 0) {
    archive_entry_set_mtime(entry, inode.mtime, inode.mtime_nsec);
  } else if (inode.mtime == -1) {
    archive_entry_set_mtime(entry, -1, 0);
  } else {
    archive_entry_set_mtime(entry, inode.mtime + 1, 1'000'000'000 - inode.mtime_nsec);
  }
}

void TreeWriter::Describe(erofs::InodeId id, const std::string& name, archive_entry* entry) {
  const erofs::Inode& inode = tree_.inode(id);
  archive_entry_copy_pathname(entry, name.c_str());
  archive_entry_set_mode(entry, inode.mode);
  archive_entry_set_uid(entry, inode.uid);
  archive_entry_set_gid(entry, inode.gid);
  SetTime(inode, entry);
  archive_entry_set_size(entry, inode.IsRegular() ? static_cast<la_int64_t>(inode.size) : 0);
  if (inode.IsSymlink()) {
    archive_entry_copy_symlink(entry, std::string(tree_.Target(inode)).c_str());
  }
  if (inode.IsDevice()) {
    archive_entry_set_rdevmajor(entry, erofs::DeviceMajor(inode.rdev));
    archive_entry_set_rdevminor(entry, erofs::DeviceMinor(inode.rdev));
  }
  for (const auto& [key, value] : tree_.xattrs().Get(inode.xattrs)) {
    archive_entry_xattr_add_entry(entry, key.c_str(), value.data(), value.size());
  }
}

absl::Status TreeWriter::Write(erofs::InodeId id, absl::string_view path) {
  if (cancel_.cancelled()) return absl::CancelledError("the export was cancelled");
  const erofs::Inode& inode = tree_.inode(id);
  std::string name = path.empty() ? "./" : std::string(path);
  if (inode.IsDirectory() && !path.empty()) name += '/';
  const EntryPtr entry(archive_entry_new());
  Describe(id, name, entry.get());
  const bool linked = !inode.IsDirectory() && inode.links > 1;
  const bool again = linked && !first_names_[id].empty();
  if (again) {
    archive_entry_copy_hardlink(entry.get(), first_names_[id].c_str());
    archive_entry_set_size(entry.get(), 0);
  } else if (linked) {
    first_names_[id] = name;
  }
  if (archive_write_header(pipe_.tar(), entry.get()) != ARCHIVE_OK) {
    return Annotate(pipe_.Error(pipe_.tar()), name);
  }
  return inode.IsRegular() && !again ? WriteData(inode) : absl::OkStatus();
}

absl::Status TreeWriter::WriteData(const erofs::Inode& inode) {
  for (uint64_t at = 0; at < inode.size;) {
    if (cancel_.cancelled()) return absl::CancelledError("the export was cancelled");
    buffer_.resize(std::min<uint64_t>(kPieceBytes, inode.size - at));
    FLOE_RETURN_IF_ERROR(read_(inode.data + at, buffer_));
    const la_ssize_t n = archive_write_data(pipe_.tar(), buffer_.data(), buffer_.size());
    if (n != static_cast<la_ssize_t>(buffer_.size())) return pipe_.Error(pipe_.tar());
    at += buffer_.size();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WrittenLayer> WriteTreeLayer(const erofs::Tree& tree, const erofs::ReadAt& read,
                                            int fd, const CancelToken& cancel) {
  LayerPipe pipe(fd, Writer(archive_write_new()), Writer(archive_write_new()));
  FLOE_RETURN_IF_ERROR(pipe.Open());
  FLOE_RETURN_IF_ERROR(TreeWriter(tree, read, cancel, pipe).WriteAll());
  return pipe.Close();
}

}  // namespace floe::converter
