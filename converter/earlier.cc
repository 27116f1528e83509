// SPDX-License-Identifier: Apache-2.0
#include "converter/earlier.h"

#include <algorithm>

#include "base/log.h"
#include "oci/digest.h"
#include "oci/media_types.h"
#include "store/manifest.h"

namespace floe::converter {
namespace {

using store::ConversionId;
using store::ConversionRecord;

// A published image put together again from its three documents. DATA_LOSS when they do not belong
// together.
absl::StatusOr<TinyImage> FromDocuments(Bytes manifest, Bytes config, Bytes layer) {
  TinyImage image;
  FLOE_ASSIGN_OR_RETURN(const oci::ImageManifest parsed,
                        oci::ParseManifest(manifest, oci::kOciManifest));
  const bool fits = parsed.layers.size() == 1 && parsed.layers[0].digest == oci::DigestOf(layer) &&
                    parsed.config.digest == oci::DigestOf(config);
  if (!fits) return absl::DataLossError("manifest, config and layer do not belong together");
  FLOE_ASSIGN_OR_RETURN(const oci::ImageConfig parsed_config, oci::ImageConfig::Parse(config));
  if (parsed_config.diff_ids().size() != 1) {
    return absl::DataLossError("the config does not have one layer");
  }
  image.diff_id = parsed_config.diff_ids()[0];
  image.layer = {parsed.layers[0], std::move(layer)};
  image.config = {parsed.config, std::move(config)};
  image.manifest.descriptor = oci::DescribeBytes(oci::kOciManifest, manifest);
  image.manifest.bytes = std::move(manifest);
  return image;
}

absl::StatusOr<EarlierResult> FromDestination(const SourceImage& found, ImageSource& existing,
                                              store::StoreHandle& store) {
  EarlierResult result;
  result.in_destination = true;
  FLOE_ASSIGN_OR_RETURN(const Bytes file, ReadFloeManifest(existing, found.manifest));
  FLOE_ASSIGN_OR_RETURN(const store::ManifestEnvelope envelope, store::ParseManifestEnvelope(file));
  FLOE_RETURN_IF_ERROR(store.Locate(envelope.id, envelope.birth_root));
  FLOE_ASSIGN_OR_RETURN(Bytes layer,
                        existing.ReadBlob(found.manifest.layers[0], store::kMaxManifestBytes));
  FLOE_ASSIGN_OR_RETURN(result.image,
                        FromDocuments(found.manifest_bytes, found.config_bytes, std::move(layer)));
  result.manifest_id = envelope.id.ToHex();
  return result;
}

absl::StatusOr<EarlierResult> FromStore(const ConversionId& conversion, store::StoreHandle& store) {
  EarlierResult result;
  FLOE_ASSIGN_OR_RETURN(ConversionRecord record, store.FindConversion(conversion));
  FLOE_ASSIGN_OR_RETURN(result.image,
                        FromDocuments(std::move(record.image_manifest), std::move(record.config),
                                      std::move(record.layer)));
  result.manifest_id = record.manifest.ToHex();
  return result;
}

std::optional<EarlierResult> Usable(absl::StatusOr<EarlierResult> result, absl::string_view where) {
  if (result.ok()) return *std::move(result);
  if (!absl::IsNotFound(result.status())) {
    Log(LogLevel::kWarning, "an earlier conversion cannot be used; converting again",
        {{"found in", where}, {"reason", std::string(result.status().message())}});
  }
  return std::nullopt;
}

}  // namespace

ConversionId ConversionOf(const SourceImage& image, const ConvertKeys& keys,
                          const ConvertOptions& options) {
  store::ConversionInputs inputs;
  inputs.source_digest = image.descriptor.digest;
  inputs.platform = image.platform.ToString();
  inputs.layout_version = kFlatLayoutVersion;
  inputs.chunker_parameters = options.chunker.Describe();
  inputs.codec_parameters = DescribeCodec(options.codec);
  for (const store::Recipient& recipient : keys.recipients) {
    inputs.recipients.push_back(recipient.Describe());
  }
  for (const store::SigningKey& signer : keys.signers) {
    inputs.signers.push_back(ToHex(signer.verifying_key().id));
  }
  return ComputeConversionId(keys.domain.secret, inputs);
}

DestinationImages DestinationImages::Read(ImageSource* existing) {
  DestinationImages images;
  if (existing == nullptr) return images;
  const absl::StatusOr<oci::Descriptor> top = existing->Resolve();
  if (!top.ok()) return images;
  PlatformChoice all;
  all.all = true;
  absl::StatusOr<Selection> selection = SelectImages(*existing, all);
  if (!selection.ok()) return images;
  images.top_digest_ = top->digest;
  for (SourceImage& image : selection->images) {
    if (LooksConverted(image.manifest)) images.images_.push_back(std::move(image));
  }
  return images;
}

const SourceImage* DestinationImages::Find(const ConversionId& conversion) const {
  const auto found = std::find_if(images_.begin(), images_.end(), [&](const SourceImage& image) {
    const auto annotation = image.manifest.annotations.find(kAnnotationConversion);
    return annotation != image.manifest.annotations.end() &&
           annotation->second == conversion.ToHex() && image.manifest.layers.size() == 1;
  });
  return found == images_.end() ? nullptr : &*found;
}

std::optional<EarlierResult> FindEarlier(const ConversionId& conversion,
                                         const DestinationImages& destination,
                                         ImageSource* existing, store::StoreHandle& store) {
  if (const SourceImage* found = destination.Find(conversion); found != nullptr) {
    auto result = Usable(FromDestination(*found, *existing, store), "destination");
    if (result) return result;
  }
  return Usable(FromStore(conversion, store), "store");
}

}  // namespace floe::converter
