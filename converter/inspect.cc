// SPDX-License-Identifier: Apache-2.0
#include "converter/inspect.h"

#include "absl/container/flat_hash_set.h"
#include "converter/publish/tiny_image.h"

namespace floe::converter {
namespace {

using store::ChunkId;
using store::ManifestEnvelope;
using store::ManifestId;

void CheckSignature(const store::TrustPolicy& trust, FloeImage& image) {
  store::TrustPolicy strict = trust;
  strict.allow_unsigned = false;
  const absl::Status status = strict.Check(image.envelope.id, image.envelope.signatures);
  image.signature_error = std::string(status.message());
  if (!status.ok()) return;
  for (const store::VerifyingKey& key : trust.trusted) {
    store::TrustPolicy one;
    one.trusted = {key};
    if (!one.Check(image.envelope.id, image.envelope.signatures).ok()) continue;
    image.signed_by = key.name.empty() ? ToHex(key.id) : key.name;
    return;
  }
}

void OpenWithKeys(ByteView file, const InspectOptions& options, FloeImage& image) {
  if (options.keys == nullptr) {
    image.open_error = "no keys were given";
    return;
  }
  // Reading numbers is no mounting: the signature is judged on its own.
  store::TrustPolicy any = options.trust;
  any.allow_unsigned = true;
  absl::StatusOr<store::Manifest> opened = OpenManifest(file, any, *options.keys);
  if (!opened.ok()) {
    image.open_error = std::string(opened.status().message());
    return;
  }
  for (const store::ChunkRef& chunk : opened->chunks) {
    image.raw_bytes += chunk.raw_length;
    image.sealed_bytes += chunk.sealed_length;
  }
  image.opened = *std::move(opened);
}

// Ids that other manifests of the root name.
absl::StatusOr<absl::flat_hash_set<ChunkId>> OthersChunks(store::StoreHandle& store,
                                                          const store::RootId& root,
                                                          const ManifestEnvelope& own,
                                                          uint64_t& images) {
  const absl::flat_hash_set<ChunkId> wanted(own.ids.begin(), own.ids.end());
  absl::flat_hash_set<ChunkId> others;
  FLOE_ASSIGN_OR_RETURN(const std::vector<ManifestId> records, store.ListRecords(root));
  for (const ManifestId& id : records) {
    if (id == own.id) continue;
    FLOE_ASSIGN_OR_RETURN(const Bytes record, store.ReadRecord(root, id));
    FLOE_ASSIGN_OR_RETURN(const ManifestEnvelope envelope, store::ParseManifestRecord(record));
    ++images;
    for (const ChunkId& chunk : envelope.ids) {
      if (wanted.contains(chunk)) others.insert(chunk);
    }
  }
  return others;
}

absl::StatusOr<StoreShare> ShareInStore(store::StoreHandle& store, const FloeImage& image) {
  StoreShare share;
  FLOE_ASSIGN_OR_RETURN(const store::RootId root,
                        store.Locate(image.envelope.id, image.envelope.birth_root));
  share.location = ToHex(root);
  FLOE_ASSIGN_OR_RETURN(const absl::flat_hash_set<ChunkId> others,
                        OthersChunks(store, root, image.envelope, share.images));
  share.shared_chunks = others.size();
  if (!image.opened) return share;
  for (const store::ChunkRef& chunk : image.opened->chunks) {
    if (!others.contains(chunk.id)) continue;
    share.shared_raw_bytes += chunk.raw_length;
    share.shared_sealed_bytes += chunk.sealed_length;
  }
  return share;
}

absl::StatusOr<FloeImage> InspectFloeImage(ImageSource& source, const SourceImage& image,
                                           const InspectOptions& options) {
  FloeImage result;
  FLOE_ASSIGN_OR_RETURN(const Bytes file, ReadFloeManifest(source, image.manifest));
  result.manifest_bytes = file.size();
  FLOE_ASSIGN_OR_RETURN(result.envelope, store::ParseManifestEnvelope(file));
  CheckSignature(options.trust, result);
  OpenWithKeys(file, options, result);
  if (options.store == nullptr) {
    result.store_error = "no store was asked";
    return result;
  }
  absl::StatusOr<StoreShare> share = ShareInStore(*options.store, result);
  if (share.ok()) {
    result.share = *std::move(share);
  } else {
    result.store_error = std::string(share.status().message());
  }
  return result;
}

}  // namespace

absl::StatusOr<std::vector<InspectedImage>> Inspect(ImageSource& source,
                                                    const InspectOptions& options) {
  FLOE_ASSIGN_OR_RETURN(Selection selection, SelectImages(source, options.platforms));
  std::vector<InspectedImage> result;
  for (SourceImage& image : selection.images) {
    absl::StatusOr<FloeImage> floe = InspectFloeImage(source, image, options);
    if (!floe.ok() && !absl::IsNotFound(floe.status())) return floe.status();
    std::optional<FloeImage> made_by_floe;
    if (floe.ok()) made_by_floe = *std::move(floe);
    result.push_back({std::move(image), std::move(made_by_floe)});
  }
  return result;
}

}  // namespace floe::converter
