// SPDX-License-Identifier: Apache-2.0
#include "converter/export.h"

#include <fcntl.h>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "converter/chunked_image.h"
#include "converter/publish/tiny_image.h"
#include "converter/publish/tree_tar.h"
#include "erofs/reader.h"
#include "oci/media_types.h"
#include "store/manifest.h"

namespace floe::converter {
namespace {

// A file from its start to its end.
class FileStream : public ByteStream {
 public:
  explicit FileStream(int fd) : fd_(fd) {}
  absl::StatusOr<size_t> Read(MutableByteView out) override {
    ssize_t n;
    do {
      n = pread(fd_, out.data(), out.size(), static_cast<off_t>(position_));
    } while (n < 0 && errno == EINTR);
    if (n < 0) return ErrnoStatus(errno, "read back the layer");
    position_ += static_cast<uint64_t>(n);
    return static_cast<size_t>(n);
  }

 private:
  const int fd_;
  uint64_t position_ = 0;
};

// The manifest of a converted image, opened.
absl::StatusOr<store::Manifest> OpenFloeManifest(ImageSource& source, const SourceImage& image,
                                                 const ExportOptions& options,
                                                 store::ManifestId& id) {
  const auto file = ReadFloeManifest(source, image.manifest);
  if (absl::IsNotFound(file.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat(source.Name(), " is not converted: it is an ordinary image already"));
  }
  FLOE_RETURN_IF_ERROR(file.status());
  FLOE_ASSIGN_OR_RETURN(const store::ManifestEnvelope envelope,
                        store::ParseManifestEnvelope(*file));
  id = envelope.id;
  return OpenManifest(*file, options.trust, *options.keys);
}

// The image's tree as a layer in an unlinked file.
absl::StatusOr<WrittenLayer> WriteLayer(const store::Manifest& manifest,
                                        std::shared_ptr<store::ChunkStore> chunks,
                                        const ExportOptions& options, UniqueFd& file) {
  ChunkedImage image(manifest, std::move(chunks));
  const erofs::ReadAt read = [&image](uint64_t offset, MutableByteView out) {
    return image.ReadAt(offset, out);
  };
  FLOE_ASSIGN_OR_RETURN(const erofs::Tree tree, erofs::ReadTree(read, image.size()));
  FLOE_ASSIGN_OR_RETURN(file, OpenFile(options.work_dir, O_TMPFILE | O_RDWR, 0600));
  return WriteTreeLayer(tree, read, file.get(), options.cancel);
}

absl::Status PutDocuments(const ExportedImage& image, ImageDestination& destination) {
  FLOE_RETURN_IF_ERROR(destination.PutBlob(image.config.descriptor, image.config.bytes));
  FLOE_RETURN_IF_ERROR(destination.PutManifest(image.manifest.descriptor, image.manifest.bytes));
  return destination.Finish(image.manifest.descriptor);
}

}  // namespace

absl::StatusOr<ExportReport> Export(ImageSource& source, ImageDestination& destination,
                                    store::StoreHandle& store, const ExportOptions& options) {
  FLOE_ASSIGN_OR_RETURN(const Selection selection, SelectImages(source, options.platforms));
  const SourceImage& published = selection.images.at(0);
  store::ManifestId id;
  FLOE_ASSIGN_OR_RETURN(const store::Manifest manifest,
                        OpenFloeManifest(source, published, options, id));
  FLOE_ASSIGN_OR_RETURN(const store::RootId root, store.Locate(id, manifest.birth_root));
  UniqueFd file;
  FLOE_ASSIGN_OR_RETURN(const WrittenLayer layer,
                        WriteLayer(manifest, store.Chunks(root), options, file));
  oci::Descriptor descriptor;
  descriptor.media_type = oci::kOciLayerGzip;
  descriptor.digest = layer.digest;
  descriptor.size = layer.size;
  FLOE_ASSIGN_OR_RETURN(const ExportedImage image,
                        BuildExportedImage(published, descriptor, layer.diff_id));
  FileStream stream(file.get());
  FLOE_RETURN_IF_ERROR(Annotate(destination.PutBlobStream(descriptor, stream), destination.Name()));
  FLOE_RETURN_IF_ERROR(Annotate(PutDocuments(image, destination), destination.Name()));
  return ExportReport{image.manifest.descriptor.digest, published.platform.ToString(), layer.size};
}

}  // namespace floe::converter
