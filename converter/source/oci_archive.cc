// SPDX-License-Identifier: Apache-2.0
#include "converter/source/oci_archive.h"

#include "absl/strings/str_cat.h"
#include "converter/source/archive_destination.h"
#include "converter/source/layout_index.h"
#include "converter/source/tar_file.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "oci/verifying_stream.h"

namespace floe::converter {
namespace {

std::string NameOf(const std::string& file, const std::string& tag) {
  return absl::StrCat("oci-archive:", file, tag.empty() ? "" : ":", tag);
}

class OciArchiveSource : public ImageSource {
 public:
  OciArchiveSource(std::shared_ptr<const TarFile> tar, std::string name, oci::Descriptor top)
      : tar_(std::move(tar)), name_(std::move(name)), top_(std::move(top)) {}

  std::string Name() const override { return name_; }
  absl::StatusOr<oci::Descriptor> Resolve() override { return top_; }

  absl::StatusOr<std::unique_ptr<ByteStream>> OpenBlob(const oci::Descriptor& descriptor) override {
    FLOE_RETURN_IF_ERROR(oci::CheckDigest(descriptor.digest, name_));
    FLOE_ASSIGN_OR_RETURN(std::unique_ptr<ByteStream> stream,
                          tar_->OpenMember(LayoutBlobPath(descriptor.digest)));
    return std::make_unique<oci::VerifyingStream>(std::move(stream), descriptor, name_);
  }

 private:
  const std::shared_ptr<const TarFile> tar_;
  const std::string name_;
  const oci::Descriptor top_;
};

class OciArchiveDestination : public ArchiveDestination {
 public:
  OciArchiveDestination(std::unique_ptr<TarWriter> tar, const std::string& file,
                        const std::string& tag)
      : ArchiveDestination(std::move(tar), NameOf(file, tag)), tag_(tag) {}

  absl::Status PutManifest(const oci::Descriptor& descriptor, ByteView bytes) override {
    return PutBlob(descriptor, bytes);
  }

  absl::Status Finish(const oci::Descriptor& top) override FLOE_EXCLUDES(mutex_) {
    FLOE_ASSIGN_OR_RETURN(const std::string index, AddToLayout({}, tag_, top, name_));
    MutexLock lock(mutex_);
    FLOE_RETURN_IF_ERROR(tar_->Add(kLayoutFile, AsBytes(kLayoutText)));
    FLOE_RETURN_IF_ERROR(tar_->Add(kIndexFile, AsBytes(index)));
    return tar_->Commit();
  }

 private:
  std::string MemberOf(const oci::Descriptor& descriptor) const override {
    return LayoutBlobPath(descriptor.digest);
  }

  const std::string tag_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenOciArchiveSource(const std::string& file,
                                                                  const std::string& tag,
                                                                  const std::string& work_dir) {
  const std::string name = absl::StrCat("oci-archive:", file);
  FLOE_ASSIGN_OR_RETURN(std::shared_ptr<const TarFile> tar, TarFile::Open(file, work_dir, name));
  if (!tar->Has(kLayoutFile)) {
    const bool docker = tar->Has("manifest.json");
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": holds no OCI layout",
        docker ? absl::StrCat("; it is a docker-archive: write docker-archive:", file) : ""));
  }
  FLOE_ASSIGN_OR_RETURN(const Bytes layout, tar->ReadMember(kLayoutFile, 64 << 10));
  FLOE_RETURN_IF_ERROR(CheckLayoutVersion(layout, name));
  FLOE_ASSIGN_OR_RETURN(const Bytes index, tar->ReadMember(kIndexFile, oci::kMaxManifestDocument));
  FLOE_ASSIGN_OR_RETURN(oci::Descriptor top, PickFromLayout(index, tag, name));
  return std::make_unique<OciArchiveSource>(std::move(tar), NameOf(file, tag), std::move(top));
}

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenOciArchiveDestination(
    const std::string& file, const std::string& tag) {
  FLOE_ASSIGN_OR_RETURN(std::unique_ptr<TarWriter> tar, TarWriter::Create(file));
  return std::make_unique<OciArchiveDestination>(std::move(tar), file, tag);
}

}  // namespace floe::converter
