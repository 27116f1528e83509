// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "converter/source/layout_index.h"
#include "converter/source/oci_layout.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "oci/verifying_stream.h"

namespace floe::converter {
namespace {

class OciLayoutSource : public ImageSource {
 public:
  OciLayoutSource(std::string directory, const std::string& tag, oci::Descriptor top)
      : directory_(std::move(directory)),
        name_(absl::StrCat("oci:", directory_, tag.empty() ? "" : ":", tag)),
        top_(std::move(top)) {}

  std::string Name() const override { return name_; }
  absl::StatusOr<oci::Descriptor> Resolve() override { return top_; }

  absl::StatusOr<std::unique_ptr<ByteStream>> OpenBlob(const oci::Descriptor& descriptor) override {
    FLOE_RETURN_IF_ERROR(oci::CheckDigest(descriptor.digest, name_));
    const std::string path = absl::StrCat(directory_, "/", LayoutBlobPath(descriptor.digest));
    // O_NONBLOCK: a fifo in the place of a blob must not hold us.
    absl::StatusOr<UniqueFd> file = OpenFile(path, O_RDONLY | O_NONBLOCK);
    if (absl::IsNotFound(file.status())) {
      return absl::NotFoundError(absl::StrCat(name_, ": blob ", descriptor.digest,
                                              " is missing from the layout (", path, ")"));
    }
    FLOE_RETURN_IF_ERROR(file.status());
    struct stat info {};
    if (fstat(file->get(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("stat ", path));
    if (!S_ISREG(info.st_mode)) {
      return absl::InvalidArgumentError(absl::StrCat(name_, ": ", path, " is no regular file"));
    }
    (void)posix_fadvise(file->get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    auto shared = std::make_shared<const UniqueFd>(*std::move(file));
    auto stream = std::make_unique<oci::FileStream>(std::move(shared), 0,
                                                    static_cast<uint64_t>(info.st_size), path);
    return std::make_unique<oci::VerifyingStream>(std::move(stream), descriptor, name_);
  }

 private:
  const std::string directory_;
  const std::string name_;
  const oci::Descriptor top_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenOciLayoutSource(const std::string& directory,
                                                                 const std::string& tag) {
  const std::string name = absl::StrCat("oci:", directory);
  const absl::StatusOr<Bytes> layout =
      ReadWholeFile(absl::StrCat(directory, "/", kLayoutFile), 64 << 10);
  if (absl::IsNotFound(layout.status())) {
    return absl::NotFoundError(absl::StrCat(name, ": there is no OCI layout in \"", directory,
                                            "\" (a directory with a file oci-layout)"));
  }
  if (!layout.ok()) return Annotate(layout.status(), name);
  FLOE_RETURN_IF_ERROR(CheckLayoutVersion(*layout, name));
  const absl::StatusOr<Bytes> index =
      ReadWholeFile(absl::StrCat(directory, "/", kIndexFile), oci::kMaxManifestDocument);
  if (!index.ok()) return Annotate(index.status(), name);
  FLOE_ASSIGN_OR_RETURN(oci::Descriptor top, PickFromLayout(*index, tag, name));
  return std::make_unique<OciLayoutSource>(directory, tag, std::move(top));
}

}  // namespace floe::converter
