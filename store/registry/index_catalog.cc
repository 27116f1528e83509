// SPDX-License-Identifier: Apache-2.0
#include "store/registry/index_catalog.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "oci/digest.h"
#include "oci/media_types.h"

namespace floe::store {
namespace {

absl::StatusOr<FoundIndex> AsIndex(const registry::StoredManifest& stored,
                                   const ManifestId& manifest) {
  FLOE_ASSIGN_OR_RETURN(const oci::ImageManifest parsed,
                        oci::ParseManifest(stored.bytes, stored.descriptor.media_type));
  FoundIndex found;
  FLOE_ASSIGN_OR_RETURN(found.artifact, DecodeIndexArtifact(parsed));
  if (found.artifact.manifest != manifest) {
    return absl::DataLossError(
        absl::StrCat("it is the index of manifest ", found.artifact.manifest.ToHex()));
  }
  found.digest = stored.descriptor.digest;
  return found;
}

bool IsIndexArtifact(const registry::StoredManifest& stored) {
  const auto parsed = oci::ParseManifest(stored.bytes, stored.descriptor.media_type);
  return parsed.ok() && parsed->artifact_type == kIndexArtifactType;
}

// The image that goes with the index; empty for none.
std::string TiedImage(const FoundIndex& found) {
  return found.artifact.subject ? found.artifact.subject->digest : found.tagged_image;
}

absl::Status NoIndex(const registry::Repository& repository, const ManifestId& manifest) {
  return absl::NotFoundError(absl::StrCat(repository.Name(), ": there is no index of manifest ",
                                          manifest.ToHex(), "; convert the image again"));
}

}  // namespace

absl::StatusOr<FoundIndex> IndexCatalog::FindReferrer(const ManifestId& manifest,
                                                      const std::string& image) {
  FLOE_ASSIGN_OR_RETURN(const std::vector<oci::Descriptor> referrers,
                        repository_.Referrers(image, kIndexArtifactType));
  absl::Status failure = NoIndex(repository_, manifest);
  for (const oci::Descriptor& referrer : referrers) {
    absl::StatusOr<registry::StoredManifest> stored = repository_.GetManifest(referrer.digest);
    absl::StatusOr<FoundIndex> found =
        stored.ok() ? AsIndex(*stored, manifest) : absl::StatusOr<FoundIndex>(stored.status());
    if (found.ok()) {
      found->tagged_image = image;
      return found;
    }
    failure = found.status();
  }
  return failure;
}

absl::StatusOr<FoundIndex> IndexCatalog::Find(const ManifestId& manifest) {
  const std::string tag = ManifestTag(manifest);
  absl::StatusOr<registry::StoredManifest> stored = repository_.GetManifest(tag);
  if (absl::IsNotFound(stored.status())) return NoIndex(repository_, manifest);
  if (!stored.ok()) return stored.status();
  absl::StatusOr<FoundIndex> found = IsIndexArtifact(*stored)
                                         ? AsIndex(*stored, manifest)
                                         : FindReferrer(manifest, stored->descriptor.digest);
  if (found.ok()) return found;
  return Annotate(found.status(), absl::StrCat(repository_.Name(), ":", tag));
}

void IndexCatalog::Expect(const ManifestId& manifest) {
  MutexLock lock(mutex_);
  if (known_.count(manifest) == 0) expected_.insert(manifest);
}

absl::Status IndexCatalog::Learn(const ManifestId& manifest) {
  FLOE_ASSIGN_OR_RETURN(const FoundIndex found, Find(manifest));
  FLOE_ASSIGN_OR_RETURN(const Bytes bytes,
                        repository_.GetBlob(found.artifact.index, kMaxPackIndexBytes));
  absl::StatusOr<PackIndex> index = DecodePackIndex(bytes);
  if (index.ok() && index->manifest != manifest) {
    index = absl::DataLossError("the index is another manifest's");
  }
  if (!index.ok()) {
    return Annotate(index.status(),
                    absl::StrCat(repository_.Name(), ": manifest ", manifest.ToHex()));
  }
  map_.Add(*index);
  MutexLock lock(mutex_);
  known_.insert(manifest);
  expected_.erase(manifest);
  return absl::OkStatus();
}

absl::Status IndexCatalog::LearnOf(const ChunkId& id) {
  MutexLock loading(loading_);
  if (map_.Find(id)) return absl::OkStatus();  // somebody else's question brought it
  std::set<ManifestId> expected;
  {
    MutexLock lock(mutex_);
    expected = expected_;
  }
  absl::Status failure;
  for (const ManifestId& manifest : expected) {
    const absl::Status learned = Learn(manifest);
    if (!learned.ok() && !absl::IsNotFound(learned)) failure = learned;
    if (map_.Find(id)) return absl::OkStatus();
  }
  FLOE_RETURN_IF_ERROR(failure);
  return LearnAllLocked();
}

absl::Status IndexCatalog::LearnAll() {
  MutexLock loading(loading_);
  return LearnAllLocked();
}

absl::Status IndexCatalog::LearnAllLocked() {
  FLOE_ASSIGN_OR_RETURN(const std::vector<std::string> tags, repository_.ListTags(kTagPrefix));
  for (const std::string& tag : tags) {
    const std::optional<RegistryName> name = ParseTag(tag);
    if (!name || name->kind != ObjectKind::kRecord) continue;
    {
      MutexLock lock(mutex_);
      if (known_.count(name->manifest) > 0) continue;
    }
    const absl::Status learned = Learn(name->manifest);
    if (learned.ok()) continue;
    if (!absl::IsDataLoss(learned) && !absl::IsNotFound(learned)) return learned;
    Log(LogLevel::kWarning, "an index in the registry cannot be used",
        {{"tag", tag}, {"reason", std::string(learned.message())}});
  }
  return absl::OkStatus();
}

absl::StatusOr<Bytes> IndexCatalog::GetRecord(const ManifestId& manifest, uint64_t max_bytes) {
  FLOE_ASSIGN_OR_RETURN(const FoundIndex found, Find(manifest));
  if (found.artifact.record.size > max_bytes) {
    return absl::DataLossError(absl::StrCat(repository_.Name(), ": the record of manifest ",
                                            manifest.ToHex(), " is too long"));
  }
  return repository_.GetBlob(found.artifact.record, max_bytes);
}

absl::StatusOr<PutResult> IndexCatalog::PutRecord(const ManifestId& manifest, ByteView record) {
  FLOE_ASSIGN_OR_RETURN(const ManifestEnvelope envelope, ParseManifestRecord(record));
  bool repaired = false;
  absl::StatusOr<PackIndex> index = map_.IndexOf(manifest, envelope.ids, &repaired);
  absl::StatusOr<FoundIndex> there = Find(manifest);
  if (there.ok() && there->artifact.record.size != record.size()) {
    return absl::DataLossError(absl::StrCat(repository_.Name(), ": manifest ", manifest.ToHex(),
                                            " has a record of another length"));
  }
  if (there.ok() && !repaired) return PutResult::kExisted;
  if (!there.ok() && !absl::IsNotFound(there.status()) && !absl::IsDataLoss(there.status())) {
    return there.status();
  }
  if (!index.ok()) return index.status();
  // What an image may be tied to already stays within its reach.
  const bool shared = there.ok() && (there->artifact.shared || !TiedImage(*there).empty());
  FLOE_RETURN_IF_ERROR(PutIndex(*index, record, shared));
  MutexLock lock(mutex_);
  known_.insert(manifest);
  return there.ok() ? PutResult::kExisted : PutResult::kCreated;
}

absl::Status IndexCatalog::PutIndex(const PackIndex& index, ByteView record, bool shared) {
  if (index.packs.size() > kMaxPackBlobs) {
    return absl::FailedPreconditionError(
        absl::StrCat(repository_.Name(), ": the image's chunks lie in ", index.packs.size(),
                     " packs, more than the ", kMaxPackBlobs,
                     " that one index may name; make larger packs (?pack=)"));
  }
  const Bytes bytes = EncodePackIndex(index);
  IndexArtifact artifact;
  artifact.manifest = index.manifest;
  artifact.shared = shared;
  artifact.index = oci::DescribeBytes("", bytes);
  artifact.record = oci::DescribeBytes("", record);
  for (const PackBlob& pack : index.packs) artifact.packs.push_back(DescribePack(pack));
  FLOE_RETURN_IF_ERROR(repository_.PutBlob(artifact.index, bytes));
  FLOE_RETURN_IF_ERROR(repository_.PutBlob(artifact.record, record));
  const ByteView config = AsBytes(kEmptyConfig);
  FLOE_RETURN_IF_ERROR(repository_.PutBlob(oci::DescribeBytes(kEmptyConfigType, config), config));
  const registry::StoredManifest stored = EncodeIndexArtifact(artifact);
  return repository_.PutManifest(ManifestTag(index.manifest), stored.descriptor, stored.bytes)
      .status();
}

absl::StatusOr<oci::Descriptor> IndexCatalog::PutImage(const ConversionRecord& record) {
  FLOE_ASSIGN_OR_RETURN(const oci::ImageManifest image,
                        oci::ParseManifest(record.image_manifest, ""));
  if (image.layers.size() != 1) {
    return absl::InvalidArgumentError("a published image of floe has one layer");
  }
  FLOE_RETURN_IF_ERROR(repository_.PutBlob(image.layers[0], record.layer));
  FLOE_RETURN_IF_ERROR(repository_.PutBlob(image.config, record.config));
  const oci::Descriptor descriptor = oci::DescribeBytes(image.media_type, record.image_manifest);
  FLOE_RETURN_IF_ERROR(
      repository_.PutManifest(descriptor.digest, descriptor, record.image_manifest));
  return descriptor;
}

absl::Status IndexCatalog::Retag(const IndexArtifact& artifact, const oci::Descriptor& image,
                                 ByteView manifest) {
  const registry::StoredManifest stored = EncodeIndexArtifact(artifact);
  FLOE_ASSIGN_OR_RETURN(
      const bool has_referrers,
      repository_.PutManifest(stored.descriptor.digest, stored.descriptor, stored.bytes));
  const std::string tag = ManifestTag(artifact.manifest);
  if (has_referrers) {
    // Untagged, the index goes when its image goes; the tag on the image says where to look.
    FLOE_RETURN_IF_ERROR(repository_.PutManifest(tag, image, manifest));
  } else {
    // Registries without referrers know nothing of subjects: untagged, the index might go while the
    // image lives.
    FLOE_RETURN_IF_ERROR(repository_.PutManifest(tag, stored.descriptor, stored.bytes));
    FLOE_RETURN_IF_ERROR(NoteReferrer(artifact, stored.descriptor, image));
  }
  return DropOthers(artifact.manifest, image.digest, stored.descriptor.digest);
}

absl::Status IndexCatalog::DropOthers(const ManifestId& manifest, const std::string& image,
                                      const std::string& kept) {
  FLOE_ASSIGN_OR_RETURN(const std::vector<oci::Descriptor> referrers,
                        repository_.Referrers(image, kIndexArtifactType));
  for (const oci::Descriptor& referrer : referrers) {
    const auto named = referrer.annotations.find(kManifestAnnotation);
    if (referrer.digest == kept || named == referrer.annotations.end() ||
        named->second != manifest.ToHex()) {
      continue;
    }
    // An older index of the same chunks. Where nobody may delete it stays, and costs packs.
    if (repository_.DeleteManifest(referrer.digest).ok()) {
      FLOE_RETURN_IF_ERROR(repository_.RemoveReferrer(image, referrer.digest));
    }
  }
  return absl::OkStatus();
}

absl::Status IndexCatalog::TieToImage(const ConversionRecord& record) {
  FLOE_ASSIGN_OR_RETURN(const FoundIndex there, Find(record.manifest));
  FLOE_ASSIGN_OR_RETURN(const oci::Descriptor image, PutImage(record));
  const std::string tied = TiedImage(there);
  IndexArtifact artifact = there.artifact;
  artifact.shared = false;
  artifact.subject.emplace();
  artifact.subject->media_type = image.media_type;
  artifact.subject->digest = image.digest;
  artifact.subject->size = image.size;
  if (tied == image.digest) return absl::OkStatus();
  if (!tied.empty() || there.artifact.shared) {
    return Share(there.artifact, artifact, image);
  }
  FLOE_RETURN_IF_ERROR(Retag(artifact, image, record.image_manifest));
  // Nothing leads to the first form any more; left alone, it would keep the packs for ever.
  (void)repository_.DeleteManifest(there.digest);
  return absl::OkStatus();
}

absl::Status IndexCatalog::Share(IndexArtifact free, const IndexArtifact& tied,
                                 const oci::Descriptor& image) {
  // Tied to either image, the tag would go with it and leave the other without: it leads to a form
  // of its own, which outlives both.
  free.subject.reset();
  free.shared = true;
  const registry::StoredManifest own = EncodeIndexArtifact(free);
  FLOE_RETURN_IF_ERROR(
      repository_.PutManifest(ManifestTag(free.manifest), own.descriptor, own.bytes));
  const registry::StoredManifest second = EncodeIndexArtifact(tied);
  FLOE_ASSIGN_OR_RETURN(
      const bool has_referrers,
      repository_.PutManifest(second.descriptor.digest, second.descriptor, second.bytes));
  return has_referrers ? absl::OkStatus() : NoteReferrer(tied, second.descriptor, image);
}

absl::Status IndexCatalog::NoteReferrer(const IndexArtifact& artifact, oci::Descriptor referrer,
                                        const oci::Descriptor& image) {
  referrer.artifact_type = kIndexArtifactType;
  referrer.annotations[kManifestAnnotation] = artifact.manifest.ToHex();
  return repository_.AddReferrer(image.digest, referrer);
}

}  // namespace floe::store
