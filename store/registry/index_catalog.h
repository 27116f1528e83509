// SPDX-License-Identifier: Apache-2.0
// The index artifacts of a repository: found by a manifest's tag, read into the map, written, and
// tied to the published image (doc/registry-origin.md, "What lies in the repository").
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "registry/repository.h"
#include "store/conversion.h"
#include "store/manifest.h"
#include "store/registry/artifacts.h"
#include "store/registry/pack_map.h"

namespace floe::store {

// What a manifest's tag leads to.
struct FoundIndex {
  IndexArtifact artifact;
  std::string digest;  // of the artifact's manifest
  // The image whose referrer it is when the tag is the image's; empty when it is the artifact's
  // own.
  std::string tagged_image;
};

// Thread safe; every call blocks. Borrows repository and map.
class IndexCatalog {
 public:
  IndexCatalog(registry::Repository& repository, PackMap& map)
      : repository_(repository), map_(map) {}

  // NOT_FOUND; DATA_LOSS when what the tag leads to is no index of this manifest.
  absl::StatusOr<FoundIndex> Find(const ManifestId& manifest);

  // Reads of this manifest's chunks will come: its index is read at the first of them.
  void Expect(const ManifestId& manifest) FLOE_EXCLUDES(mutex_);
  // Reads what is expected, then (when `id` is still unknown) every other index of the repository.
  absl::Status LearnOf(const ChunkId& id) FLOE_EXCLUDES(mutex_, loading_);
  // Reads every index that was not read yet. What is damaged is told and passed over.
  absl::Status LearnAll() FLOE_EXCLUDES(mutex_, loading_);

  // Puts a manifest's record with the index of its chunks, whose packs must have been sent.
  // kExisted when the same record is there with all its packs known; DATA_LOSS when one of another
  // length is.
  absl::StatusOr<PutResult> PutRecord(const ManifestId& manifest, ByteView record);
  absl::StatusOr<Bytes> GetRecord(const ManifestId& manifest, uint64_t max_bytes);

  // Makes the index a referrer of the image that was made of it, whose documents are put beside it.
  absl::Status TieToImage(const ConversionRecord& record);

 private:
  absl::StatusOr<FoundIndex> FindReferrer(const ManifestId& manifest, const std::string& image);
  absl::Status Learn(const ManifestId& manifest) FLOE_EXCLUDES(mutex_);
  absl::Status LearnAllLocked() FLOE_REQUIRES(loading_) FLOE_EXCLUDES(mutex_);
  absl::StatusOr<oci::Descriptor> PutImage(const ConversionRecord& record);
  absl::Status PutIndex(const PackIndex& index, ByteView record, bool shared);
  // For a second image of the same manifest; `tied` is the form with it as subject.
  absl::Status Share(IndexArtifact free, const IndexArtifact& tied, const oci::Descriptor& image);
  // Under the image's referrers tag.
  absl::Status NoteReferrer(const IndexArtifact& artifact, oci::Descriptor referrer,
                            const oci::Descriptor& image);
  // From a form of its own to one that goes with the image.
  absl::Status Retag(const IndexArtifact& artifact, const oci::Descriptor& image,
                     ByteView manifest);
  // Deletes other indexes of this manifest that are referrers of the image.
  absl::Status DropOthers(const ManifestId& manifest, const std::string& image,
                          const std::string& kept);

  registry::Repository& repository_;
  PackMap& map_;
  Mutex loading_;  // one at a time asks the registry for indexes
  mutable Mutex mutex_;
  std::set<ManifestId> known_ FLOE_GUARDED_BY(mutex_);     // read into the map
  std::set<ManifestId> expected_ FLOE_GUARDED_BY(mutex_);  // and not yet known
};

}  // namespace floe::store
