// SPDX-License-Identifier: Apache-2.0
#include "store/origin/store_handle.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "store/origin/object_chunk_store.h"
#include "store/origin/store_log.h"

namespace floe::store {
namespace {

RootId ActiveOf(const std::vector<RootStatus>& roots) {
  const auto active = std::find_if(roots.begin(), roots.end(), [](const RootStatus& root) {
    return root.state == RootState::kActive;
  });
  return active->id;  // ReplayLog promises one
}

// Whether a record put into `root` now is still migrated or kept (I4, I7).
bool TakesRecords(const RootStatus& root, SystemTime now) {
  if (root.state == RootState::kActive) return true;
  return root.state == RootState::kRetired && now - root.since < kRetirementGrace;
}

}  // namespace

StoreHandle::StoreHandle(std::string address, std::shared_ptr<ObjectStore> objects, StoreInfo info,
                         std::vector<RootStatus> roots, std::shared_ptr<ObjectStore> chunk_objects)
    : address_(std::move(address)),
      objects_(std::move(objects)),
      chunk_objects_(chunk_objects == nullptr ? objects_ : std::move(chunk_objects)),
      info_(std::move(info)),
      roots_(std::move(roots)) {}

RootId StoreHandle::active_root() const {
  MutexLock lock(mutex_);
  return ActiveOf(roots_);
}

absl::StatusOr<std::vector<RootStatus>> StoreHandle::Roots() {
  auto roots = ReadLog(*objects_);
  if (!roots.ok()) return Annotate(roots.status(), absl::StrCat("store ", address_));
  MutexLock lock(mutex_);
  roots_ = *roots;
  return roots;
}

std::shared_ptr<ChunkStore> StoreHandle::Chunks(const RootId& root) {
  MutexLock lock(mutex_);
  std::shared_ptr<ChunkStore>& chunks = chunks_[root];
  if (chunks == nullptr) chunks = std::make_shared<ObjectChunkStore>(chunk_objects_, root);
  return chunks;
}

absl::StatusOr<bool> StoreHandle::HasRecord(const RootId& root, const ManifestId& manifest) {
  auto record = GetObject(*objects_, RecordName(root, manifest), kMaxManifestBytes);
  if (absl::IsNotFound(record.status())) return false;
  if (!record.ok()) return record.status();
  return true;
}

absl::StatusOr<RootId> StoreHandle::Locate(const ManifestId& manifest, const RootId& birth_root) {
  FLOE_ASSIGN_OR_RETURN(const std::vector<RootStatus> roots, Roots());
  const auto birth = std::find_if(roots.begin(), roots.end(),
                                  [&](const RootStatus& root) { return root.id == birth_root; });
  if (birth != roots.end() && birth->readable()) {
    FLOE_ASSIGN_OR_RETURN(const bool here, HasRecord(birth_root, manifest));
    if (here) return birth_root;
  }
  for (const RootStatus& root : roots) {
    if (!root.readable() || root.id == birth_root) continue;
    FLOE_ASSIGN_OR_RETURN(const bool here, HasRecord(root.id, manifest));
    if (here) return root.id;
  }
  const std::string store = absl::StrCat("store ", address_, " (id ", ToHex(info_.id), ")");
  if (birth == roots.end()) {
    return absl::NotFoundError(absl::StrCat(
        "manifest ", manifest.ToHex(), " was made in the root ", ToHex(birth_root), ", which ",
        store, " does not have: the image was converted into another store; configure that one"));
  }
  return absl::NotFoundError(absl::StrCat("manifest ", manifest.ToHex(), " has no record in ",
                                          store, "; convert the image again"));
}

absl::Status StoreHandle::Publish(const EncodedManifest& manifest, const RootId& root) {
  // Chunks before the record: a record means that all its chunks are there and durable (I2).
  FLOE_RETURN_IF_ERROR(objects_->Sync());
  const std::string name = RecordName(root, manifest.id);
  auto put = PutObject(*objects_, name, std::make_shared<Bytes>(manifest.body_and_signatures),
                       PutDurability::kAtOnce);
  // Signed by somebody else it may have another length; damaged it must not stay unnoticed.
  if (absl::IsDataLoss(put.status()) || (put.ok() && *put == PutResult::kExisted)) {
    FLOE_RETURN_IF_ERROR(ReadRecord(root, manifest.id));
  } else if (!put.ok()) {
    return Annotate(put.status(), absl::StrCat("store ", address_));
  }
  FLOE_ASSIGN_OR_RETURN(const std::vector<RootStatus> roots, Roots());
  const auto status =
      std::find_if(roots.begin(), roots.end(), [&](const RootStatus& r) { return r.id == root; });
  if (status == roots.end() || !TakesRecords(*status, Clock::Real().WallNow())) {
    return absl::AbortedError(
        absl::StrCat("store ", address_, ": the root ", ToHex(root),
                     " was retired while the image was being converted; convert it again"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Bytes> StoreHandle::ReadRecord(const RootId& root, const ManifestId& manifest) {
  FLOE_ASSIGN_OR_RETURN(const SealedBytes bytes,
                        GetObject(*objects_, RecordName(root, manifest), kMaxManifestBytes));
  auto envelope = ParseManifestRecord(*bytes);
  const std::string what =
      absl::StrCat("store ", address_, ": the record of manifest ", manifest.ToHex());
  if (absl::IsFailedPrecondition(envelope.status())) return Annotate(envelope.status(), what);
  if (!envelope.ok() || envelope->id != manifest) {
    return absl::DataLossError(absl::StrCat(
        what, " is damaged (",
        envelope.ok() ? "it is another manifest's" : envelope.status().message(), "); delete r/",
        ToHex(root), "/m/", manifest.ToHex(), " there and convert the image again"));
  }
  return *bytes;
}

absl::StatusOr<std::vector<ManifestId>> StoreHandle::ListRecords(const RootId& root) {
  std::vector<ManifestId> records;
  std::string from;
  do {
    FLOE_ASSIGN_OR_RETURN(const ObjectPage page,
                          ListObjects(*objects_, RecordPrefix(root), from, 1000));
    for (const ObjectInfo& object : page.objects) {
      const std::optional<ManifestId> id = ManifestIdOfName(object.name);
      if (id) records.push_back(*id);
    }
    from = page.next;
  } while (!from.empty());
  return records;
}

absl::Status StoreHandle::Repair(const RootId& root, const VerifiedSealed& chunk) {
  return Annotate(ReplaceObject(*objects_, ChunkName(root, chunk.id()), chunk.shared()),
                  absl::StrCat("store ", address_));
}

absl::StatusOr<ConversionRecord> StoreHandle::FindConversion(const ConversionId& id) {
  FLOE_ASSIGN_OR_RETURN(const SealedBytes bytes,
                        GetObject(*objects_, ConversionName(id), kMaxConversionRecordBytes));
  auto record = DecodeConversionRecord(*bytes);
  if (!record.ok()) {
    return Annotate(record.status(), absl::StrCat("store ", address_, ": ", ConversionName(id)));
  }
  FLOE_RETURN_IF_ERROR(Locate(record->manifest, record->birth_root));
  return record;
}

absl::Status StoreHandle::PutConversion(const ConversionId& id, const ConversionRecord& record) {
  auto put =
      PutObject(*objects_, ConversionName(id),
                std::make_shared<Bytes>(EncodeConversionRecord(record)), PutDurability::kAtOnce);
  // Somebody was faster; both results are right.
  if (absl::IsDataLoss(put.status())) return absl::OkStatus();
  return put.ok() ? absl::OkStatus() : Annotate(put.status(), absl::StrCat("store ", address_));
}

}  // namespace floe::store
