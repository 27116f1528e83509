// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/mutex.h"
#include "converter/source/blob_file.h"
#include "converter/source/layout_index.h"
#include "converter/source/oci_layout.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "oci/verifying_stream.h"

namespace floe::converter {
namespace {

// Directories made for a layout; removed again (while empty) unless kept.
class MadeDirectories {
 public:
  explicit MadeDirectories(std::string path) : path_(std::move(path)) {}
  MadeDirectories(const MadeDirectories&) = delete;
  MadeDirectories& operator=(const MadeDirectories&) = delete;
  ~MadeDirectories() {
    for (auto it = made_.rbegin(); it != made_.rend(); ++it) rmdir(it->c_str());
  }

  absl::Status Make() {
    for (size_t end = path_.find('/', 1); end != std::string::npos;
         end = path_.find('/', end + 1)) {
      FLOE_RETURN_IF_ERROR(MakeOne(path_.substr(0, end)));
    }
    return MakeOne(path_);
  }
  void Keep() { made_.clear(); }

 private:
  absl::Status MakeOne(const std::string& path) {
    if (mkdir(path.c_str(), 0755) == 0) {
      made_.push_back(path);
    } else if (errno != EEXIST) {
      return ErrnoStatus(errno, absl::StrCat("make directory ", path));
    }
    return absl::OkStatus();
  }

  const std::string path_;
  std::vector<std::string> made_;
};

class OciLayoutDestination : public ImageDestination {
 public:
  OciLayoutDestination(const std::string& directory, const std::string& tag)
      : directory_(directory),
        tag_(tag),
        name_(absl::StrCat("oci:", directory, tag.empty() ? "" : ":", tag)),
        made_(directory) {}

  absl::Status Open() {
    FLOE_RETURN_IF_ERROR(made_.Make());
    struct stat info {};
    const std::string layout = Path(kLayoutFile);
    if (stat(layout.c_str(), &info) == 0) {
      FLOE_ASSIGN_OR_RETURN(const Bytes text, ReadWholeFile(layout, 64 << 10));
      FLOE_RETURN_IF_ERROR(CheckLayoutVersion(text, name_));
    } else {
      FLOE_RETURN_IF_ERROR(CheckNoForeignIndex());
    }
    absl::StatusOr<TempDir> staging = TempDir::Create(directory_);
    if (!staging.ok()) return Annotate(staging.status(), name_);
    staging_ = *std::move(staging);
    return absl::OkStatus();
  }

  std::string Name() const override { return name_; }

  absl::StatusOr<bool> HasBlob(const oci::Descriptor& descriptor) override FLOE_EXCLUDES(mutex_) {
    FLOE_RETURN_IF_ERROR(oci::CheckDigest(descriptor.digest, name_));
    {
      MutexLock lock(mutex_);
      if (staged_.count(descriptor.digest)) return true;
    }
    return IsBlobFile(Path(LayoutBlobPath(descriptor.digest)), descriptor);
  }

  absl::Status PutBlob(const oci::Descriptor& descriptor, ByteView bytes) override {
    oci::MemoryStream stream(Bytes(bytes.begin(), bytes.end()));
    return PutBlobStream(descriptor, stream);
  }

  absl::Status PutBlobStream(const oci::Descriptor& descriptor, ByteStream& stream) override
      FLOE_EXCLUDES(mutex_) {
    FLOE_ASSIGN_OR_RETURN(const bool present, HasBlob(descriptor));
    if (present) return absl::OkStatus();
    std::string path;
    {
      // Two calls for one blob write two files; Finish keeps one.
      MutexLock lock(mutex_);
      path =
          absl::StrCat(staging_->path(), "/", oci::DigestHex(descriptor.digest), ".", counter_++);
    }
    FLOE_RETURN_IF_ERROR(WriteBlobFile(path, descriptor, stream, name_));
    MutexLock lock(mutex_);
    staged_.insert(descriptor.digest);
    files_.emplace_back(path, LayoutBlobPath(descriptor.digest));
    return absl::OkStatus();
  }

  absl::Status PutManifest(const oci::Descriptor& descriptor, ByteView bytes) override {
    return PutBlob(descriptor, bytes);
  }

  absl::Status Finish(const oci::Descriptor& top) override FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    FLOE_ASSIGN_OR_RETURN(const UniqueFd directory, OpenFile(directory_, O_RDONLY | O_DIRECTORY));
    if (flock(directory.get(), LOCK_EX) != 0) {
      return ErrnoStatus(errno, absl::StrCat("lock ", directory_));
    }
    FLOE_RETURN_IF_ERROR(MoveBlobs());
    Bytes index;
    absl::StatusOr<Bytes> old = ReadWholeFile(Path(kIndexFile), oci::kMaxManifestDocument);
    if (old.ok()) index = *std::move(old);
    if (!old.ok() && !absl::IsNotFound(old.status())) return Annotate(old.status(), name_);
    FLOE_ASSIGN_OR_RETURN(const std::string text, AddToLayout(index, tag_, top, name_));
    FLOE_RETURN_IF_ERROR(WriteFileAtomically(Path(kLayoutFile), AsBytes(kLayoutText), 0644,
                                             Replace::kYes, Durable::kYes));
    FLOE_RETURN_IF_ERROR(
        WriteFileAtomically(Path(kIndexFile), AsBytes(text), 0644, Replace::kYes, Durable::kYes));
    made_.Keep();
    staging_.reset();
    return absl::OkStatus();
  }

 private:
  std::string Path(absl::string_view relative) const {
    return absl::StrCat(directory_, "/", relative);
  }

  // Something else that has an index.json is not turned into a layout by accident.
  absl::Status CheckNoForeignIndex() const {
    if (access(Path(kIndexFile).c_str(), F_OK) == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(name_, ": \"", directory_,
                       "\" has an index.json but no oci-layout; it is no OCI layout"));
    }
    return absl::OkStatus();
  }

  absl::Status MoveBlobs() FLOE_REQUIRES(mutex_) {
    FLOE_RETURN_IF_ERROR(MakeDirectories(Path("blobs/sha256")));
    for (const auto& [from, to] : files_) {
      if (rename(from.c_str(), Path(to).c_str()) != 0) {
        return ErrnoStatus(errno, absl::StrCat("rename to ", Path(to)));
      }
    }
    return SyncDirectory(Path("blobs/sha256"));
  }

  const std::string directory_;
  const std::string tag_;
  const std::string name_;
  MadeDirectories made_;
  std::optional<TempDir> staging_;  // goes before made_ tries to remove the directory
  Mutex mutex_;
  std::set<std::string> staged_ FLOE_GUARDED_BY(mutex_);
  std::vector<std::pair<std::string, std::string>> files_ FLOE_GUARDED_BY(mutex_);
  uint64_t counter_ FLOE_GUARDED_BY(mutex_) = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenOciLayoutDestination(
    const std::string& directory, const std::string& tag) {
  auto destination = std::make_unique<OciLayoutDestination>(directory, tag);
  FLOE_RETURN_IF_ERROR(destination->Open());
  return destination;
}

}  // namespace floe::converter
