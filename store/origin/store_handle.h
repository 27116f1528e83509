// SPDX-License-Identifier: Apache-2.0
// An open store: its roots, records and chunks (store.md, "Store layout"; doc/store.md).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "store/chunk_store.h"
#include "store/conversion.h"
#include "store/manifest.h"
#include "store/origin/object_store.h"
#include "store/origin/store_layout.h"

namespace floe::store {

// Thread safe. Except for what Chunks() returns, every call blocks on I/O: never on a FUSE thread.
class StoreHandle {
 public:
  // `address` is for people. `chunk_objects`: the same objects for chunks, where those have retries
  // of their own; null: `objects`. Use OpenStore().
  StoreHandle(std::string address, std::shared_ptr<ObjectStore> objects, StoreInfo info,
              std::vector<RootStatus> roots, std::shared_ptr<ObjectStore> chunk_objects = nullptr);

  const std::string& address() const { return address_; }
  const StoreInfo& info() const { return info_; }

  // Where new chunks and records go, as of the last look at the log (open, Roots, Publish).
  RootId active_root() const FLOE_EXCLUDES(mutex_);
  // Reads the log again; the newest root first.
  absl::StatusOr<std::vector<RootStatus>> Roots() FLOE_EXCLUDES(mutex_);

  // The chunks of one root. The same object for the same root; lives on after the handle.
  std::shared_ptr<ChunkStore> Chunks(const RootId& root) FLOE_EXCLUDES(mutex_);

  // Where the manifest's chunks are: the birth root if it holds the record, else the newest
  // readable root that does. NOT_FOUND names the store: perhaps two stores were confused.
  absl::StatusOr<RootId> Locate(const ManifestId& manifest, const RootId& birth_root);

  // Makes the root's chunks durable (Sync), then puts the record BODY | SIGNATURES and makes it
  // durable, then reads the log again. Publishing the same manifest twice is fine.
  // ABORTED: the root was retired too long ago; convert again into the active one.
  absl::Status Publish(const EncodedManifest& manifest, const RootId& root);
  absl::StatusOr<Bytes> ReadRecord(const RootId& root, const ManifestId& manifest);
  // All records of a root, ascending.
  absl::StatusOr<std::vector<ManifestId>> ListRecords(const RootId& root);

  // Chunks of this manifest will be read (ObjectStore::Expect).
  void Expect(const ManifestId& manifest, const RootId& birth_root) {
    objects_->Expect(RecordName(birth_root, manifest));
  }

  // Replaces what is stored under the chunk's id by these verified bytes, durably: for a chunk that
  // was found damaged (DATA_LOSS of Get or Put). Never needed otherwise.
  absl::Status Repair(const RootId& root, const VerifiedSealed& chunk);

  // x/<conversion>: the result of an earlier conversion. NOT_FOUND when there is none, or when the
  // manifest it names is in no readable root any more; DATA_LOSS when it is damaged.
  absl::StatusOr<ConversionRecord> FindConversion(const ConversionId& id);
  // Put if absent; after Publish.
  absl::Status PutConversion(const ConversionId& id, const ConversionRecord& record);

  // For store/admin and tests.
  ObjectStore& objects() { return *objects_; }

 private:
  absl::StatusOr<bool> HasRecord(const RootId& root, const ManifestId& manifest);

  const std::string address_;
  const std::shared_ptr<ObjectStore> objects_;
  const std::shared_ptr<ObjectStore> chunk_objects_;
  const StoreInfo info_;
  mutable Mutex mutex_;
  std::vector<RootStatus> roots_ FLOE_GUARDED_BY(mutex_);
  std::map<RootId, std::shared_ptr<ChunkStore>> chunks_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::store
