// SPDX-License-Identifier: Apache-2.0
#include "converter/convert.h"

#include <algorithm>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "converter/earlier.h"
#include "converter/publish/tiny_image.h"
#include "oci/media_types.h"
#include "store/manifest.h"
#include "store/wrap/retry_store.h"

namespace floe::converter {
namespace {

// How often a root may be retired under one conversion before it gives up.
constexpr int kRootAttempts = 3;

// A converter has patience, and bounds what it asks at once itself.
store::RetryOptions RetriesOf(const ConvertOptions& options) {
  store::RetryOptions retries;
  retries.attempts = 8;
  retries.base = std::chrono::milliseconds(100);
  retries.budget = 0.5;
  retries.budget_burst = 4.0 * static_cast<double>(options.puts_in_flight);
  return retries;
}

size_t ThreadsOf(const ConvertOptions& options) {
  return options.threads != 0 ? options.threads
                              : std::max<size_t>(1, std::thread::hardware_concurrency());
}

uint64_t StoredBytes(const oci::ImageManifest& manifest) {
  uint64_t bytes = 0;
  for (const oci::Descriptor& layer : manifest.layers) bytes += layer.size;
  return bytes;
}

absl::StatusOr<Compression> LayerCompressionOf(const oci::Descriptor& layer) {
  switch (oci::CompressionOf(layer.media_type)) {
    case oci::LayerCompression::kNone:
      // Docker's archives call gzip layers plain: the bytes decide.
      return Compression::kSniff;
    case oci::LayerCompression::kGzip:
      return Compression::kGzip;
    case oci::LayerCompression::kZstd:
      return Compression::kZstd;
    case oci::LayerCompression::kUnknown:
      break;
  }
  return absl::InvalidArgumentError(absl::StrCat("layer ", layer.digest, " has the media type \"",
                                                 layer.media_type,
                                                 "\", which is no kind of layer floe can unpack"));
}

// One conversion of one source into one destination.
class Conversion {
 public:
  Conversion(ImageSource& source, ImageSource* existing, ImageDestination& destination,
             store::StoreHandle& store, const ConvertKeys& keys, const ConvertOptions& options)
      : source_(source),
        existing_(existing),
        destination_(destination),
        store_(store),
        keys_(keys),
        options_(options) {}

  absl::StatusOr<ConvertReport> Run();

 private:
  absl::StatusOr<TinyImage> ConvertImage(const SourceImage& image,
                                         const DestinationImages& destination);
  absl::StatusOr<TinyImage> ConvertAnew(const SourceImage& image,
                                        const store::ConversionId& conversion,
                                        ConvertedImage& report);
  absl::StatusOr<std::unique_ptr<FlatImage>> FlattenImage(const SourceImage& image);
  absl::StatusOr<store::EncodedManifest> StoreImage(std::unique_ptr<FlatImage> flat,
                                                    const SourceImage& image,
                                                    const store::RootId& root,
                                                    ConvertedImage& report);
  absl::Status PutImages(const std::vector<TinyImage>& images, const Document& top);
  void Tell(Stage stage, const SourceImage& image, uint64_t done, uint64_t total) const;

  ImageSource& source_;
  ImageSource* const existing_;
  ImageDestination& destination_;
  store::StoreHandle& store_;
  const ConvertKeys& keys_;
  const ConvertOptions& options_;
  ConvertReport report_;
};

absl::StatusOr<ConvertReport> Conversion::Run() {
  FLOE_ASSIGN_OR_RETURN(const Selection selection, SelectImages(source_, options_.platforms));
  DestinationImages destination;
  if (options_.reuse) destination = DestinationImages::Read(existing_);
  std::vector<TinyImage> images;
  for (const SourceImage& image : selection.images) {
    absl::StatusOr<TinyImage> converted = ConvertImage(image, destination);
    if (!converted.ok()) return Annotate(converted.status(), image.platform.ToString());
    images.push_back(*std::move(converted));
  }
  // One platform of several asked for by name is an image, not an index of one.
  const bool index = selection.index.has_value() && (options_.platforms.all || images.size() > 1);
  const Document top = index ? BuildIndex(selection, images) : images.at(0).manifest;
  report_.digest = top.descriptor.digest;
  if (destination.top_digest() == top.descriptor.digest) return std::move(report_);
  FLOE_RETURN_IF_ERROR(Annotate(PutImages(images, top), destination_.Name()));
  return std::move(report_);
}

absl::StatusOr<TinyImage> Conversion::ConvertImage(const SourceImage& image,
                                                   const DestinationImages& destination) {
  if (options_.cancel.cancelled()) return absl::CancelledError("the conversion was cancelled");
  if (LooksConverted(image.manifest)) {
    return absl::FailedPreconditionError(absl::StrCat(
        source_.Name(), " was made by floe convert already; convert the original, which is ",
        image.manifest.annotations.at(kAnnotationSource)));
  }
  const store::ConversionId conversion = ConversionOf(image, keys_, options_);
  ConvertedImage report;
  report.platform = image.platform.ToString();
  report.source_digest = image.descriptor.digest;
  report.conversion_id = conversion.ToHex();
  report.stored_bytes = StoredBytes(image.manifest);
  std::optional<EarlierResult> earlier;
  if (options_.reuse) earlier = FindEarlier(conversion, destination, existing_, store_);
  TinyImage result;
  if (earlier) {
    report.outcome = earlier->in_destination ? Outcome::kUnchanged : Outcome::kReused;
    report.manifest_id = earlier->manifest_id;
    result = std::move(earlier->image);
  } else {
    FLOE_ASSIGN_OR_RETURN(result, ConvertAnew(image, conversion, report));
  }
  report.digest = result.manifest.descriptor.digest;
  report.manifest_bytes = result.layer.descriptor.size;
  report_.images.push_back(std::move(report));
  return result;
}

absl::StatusOr<TinyImage> Conversion::ConvertAnew(const SourceImage& image,
                                                  const store::ConversionId& conversion,
                                                  ConvertedImage& report) {
  absl::StatusOr<store::EncodedManifest> manifest = absl::AbortedError("no attempt");
  store::RootId root{};
  for (int attempt = 0; attempt < kRootAttempts && absl::IsAborted(manifest.status()); ++attempt) {
    // The key of a chunk depends on the root it is born in, so another root is another sealing; the
    // spool of the first is gone by then, and a root is retired once in weeks.
    root = store_.active_root();
    FLOE_ASSIGN_OR_RETURN(std::unique_ptr<FlatImage> flat, FlattenImage(image));
    report.image_bytes = flat->size_bytes();
    report.flatten = flat->stats();
    manifest = StoreImage(std::move(flat), image, root, report);
  }
  FLOE_RETURN_IF_ERROR(manifest.status());
  report.manifest_id = manifest->id.ToHex();
  FLOE_ASSIGN_OR_RETURN(TinyImage tiny, BuildTinyImage(image, manifest->file, report.manifest_id,
                                                       conversion.ToHex()));
  store::ConversionRecord record;
  record.manifest = manifest->id;
  record.birth_root = root;
  record.image_manifest = tiny.manifest.bytes;
  record.config = tiny.config.bytes;
  record.layer = tiny.layer.bytes;
  if (const absl::Status put = store_.PutConversion(conversion, record); !put.ok()) {
    // Only the next conversion of the same image gains from it.
    Log(LogLevel::kWarning, "the conversion could not be noted in the store",
        {{"store", store_.address()}, {"reason", std::string(put.message())}});
  }
  return tiny;
}

absl::StatusOr<std::unique_ptr<FlatImage>> Conversion::FlattenImage(const SourceImage& image) {
  const std::vector<std::string> diff_ids = image.config.diff_ids();
  std::vector<LayerInput> layers;
  for (size_t i = 0; i < image.manifest.layers.size(); ++i) {
    const oci::Descriptor& descriptor = image.manifest.layers[i];
    LayerInput layer;
    layer.name = descriptor.digest;
    layer.stored_bytes = descriptor.size;
    layer.open = [this, descriptor] { return source_.OpenBlob(descriptor); };
    FLOE_ASSIGN_OR_RETURN(layer.compression, LayerCompressionOf(descriptor));
    if (i < diff_ids.size()) layer.diff_id = diff_ids[i];
    layers.push_back(std::move(layer));
  }
  FlattenOptions flatten;
  flatten.work_dir = options_.work_dir;
  flatten.threads = static_cast<int>(ThreadsOf(options_));
  flatten.strict = options_.strict;
  flatten.limits = options_.limits;
  flatten.cancel = options_.cancel;
  const uint64_t total = StoredBytes(image.manifest);
  flatten.progress = [&, total](const FlattenProgress& progress) {
    Tell(Stage::kRead, image, progress.compressed_bytes, total);
  };
  Tell(Stage::kRead, image, 0, total);
  auto flat = Flatten(std::move(layers), flatten);
  if (flat.ok()) Tell(Stage::kRead, image, total, total);
  return flat;
}

absl::StatusOr<store::EncodedManifest> Conversion::StoreImage(std::unique_ptr<FlatImage> flat,
                                                              const SourceImage& image,
                                                              const store::RootId& root,
                                                              ConvertedImage& report) {
  const uint64_t image_size = flat->size_bytes();
  store::SealingDomain domain{keys_.domain.domain_id, root, keys_.domain.secret.Clone()};
  ChunkWriterOptions writing;
  writing.chunker = options_.chunker;
  writing.codec = options_.codec;
  writing.threads = ThreadsOf(options_);
  writing.puts_in_flight = options_.puts_in_flight;
  writing.check_existing = options_.check_existing;
  writing.cancel = options_.cancel;
  writing.progress = [&](uint64_t at) { Tell(Stage::kStore, image, at, image_size); };
  ThreadTimer timer("put-retries");
  store::RetryStore chunks(store_.Chunks(root), timer, RetriesOf(options_), std::random_device{}());
  FLOE_ASSIGN_OR_RETURN(
      WrittenChunks written,
      WriteChunks([&](erofs::ImageSink& sink) { return flat->Emit(sink); }, domain, chunks,
                  [&](const store::VerifiedSealed& chunk) { return store_.Repair(root, chunk); },
                  writing));
  // Publishing flushes the file system, and gigabytes of spool need not reach the disk with it.
  flat.reset();
  report.chunks = written.stats;
  store::Manifest manifest;
  manifest.image_size = image_size;
  manifest.birth_root = root;
  manifest.domain_id = domain.domain_id;
  manifest.facts.source_digest = image.descriptor.digest;
  manifest.facts.platform = image.platform.ToString();
  manifest.facts.layout_version = kFlatLayoutVersion;
  manifest.facts.chunker_parameters = options_.chunker.Describe();
  manifest.facts.codec_parameters = DescribeCodec(options_.codec);
  manifest.chunks = std::move(written.chunks);
  manifest.extents = std::move(written.extents);
  std::vector<const store::SigningKey*> signers;
  for (const store::SigningKey& signer : keys_.signers) signers.push_back(&signer);
  FLOE_ASSIGN_OR_RETURN(store::EncodedManifest encoded,
                        EncodeManifest(manifest, domain.secret, signers, keys_.recipients));
  FLOE_RETURN_IF_ERROR(store_.Publish(encoded, root));
  return encoded;
}

absl::Status Conversion::PutImages(const std::vector<TinyImage>& images, const Document& top) {
  for (const TinyImage& image : images) {
    FLOE_RETURN_IF_ERROR(destination_.PutBlob(image.layer.descriptor, image.layer.bytes));
    FLOE_RETURN_IF_ERROR(destination_.PutBlob(image.config.descriptor, image.config.bytes));
    FLOE_RETURN_IF_ERROR(destination_.PutManifest(image.manifest.descriptor, image.manifest.bytes));
  }
  if (top.descriptor.digest != images.at(0).manifest.descriptor.digest) {
    FLOE_RETURN_IF_ERROR(destination_.PutManifest(top.descriptor, top.bytes));
  }
  if (options_.cancel.cancelled()) return absl::CancelledError("the conversion was cancelled");
  return destination_.Finish(top.descriptor);
}

void Conversion::Tell(Stage stage, const SourceImage& image, uint64_t done, uint64_t total) const {
  if (options_.progress == nullptr) return;
  options_.progress->Update({stage, image.platform.ToString(), done, total});
}

}  // namespace

std::string DescribeCodec(const store::CodecParameters& codec) {
  return codec.codec == store::Codec::kNone ? "none" : absl::StrCat("zstd ", codec.level);
}

std::string OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kConverted:
      return "converted";
    case Outcome::kReused:
      return "reused";
    case Outcome::kUnchanged:
      return "unchanged";
  }
  return "unknown";
}

absl::Status ConvertOptions::Validate() const {
  FLOE_RETURN_IF_ERROR(chunker.Validate());
  if (threads > 1024) return absl::InvalidArgumentError("more than 1024 threads");
  if (puts_in_flight < 1 || puts_in_flight > 1024) {
    return absl::InvalidArgumentError("puts in flight must be from 1 to 1024");
  }
  if (codec.codec == store::Codec::kZstd && (codec.level < 1 || codec.level > 19)) {
    return absl::InvalidArgumentError(
        absl::StrCat("zstd level ", codec.level, " is not from 1 to 19"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ConvertReport> Convert(ImageSource& source, ImageSource* existing,
                                      ImageDestination& destination, store::StoreHandle& store,
                                      const ConvertKeys& keys, const ConvertOptions& options) {
  FLOE_RETURN_IF_ERROR(options.Validate());
  return Conversion(source, existing, destination, store, keys, options).Run();
}

}  // namespace floe::converter
