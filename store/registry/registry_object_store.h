// SPDX-License-Identifier: Apache-2.0
// A repository of an OCI registry as a store of objects (doc/registry-origin.md): chunks in pack
// blobs, records and conversions as manifests beside the images, the rest as small artifacts.
#pragma once

#include <memory>
#include <string>

#include "base/executor.h"
#include "store/origin/object_store.h"
#include "store/registry/address.h"
#include "store/registry/index_catalog.h"
#include "store/registry/pack_writer.h"
#include "store/registry/range_reader.h"

namespace floe::store {

// Differences to a folder, all of them a registry's: a name is put if absent by looking first (two
// writers at once: both may be told kCreated, and one stays); Replace of a chunk is durable after
// Sync; a put chunk is seen by others once the record that names it was put. I/O runs on pools of
// threads; the destructor waits for what was asked and must not run on a callback.
class RegistryObjectStore : public ObjectStore {
 public:
  static absl::StatusOr<std::shared_ptr<RegistryObjectStore>> Open(const RegistryAddress& address,
                                                                   size_t io_threads);

  void Get(const std::string& name, uint64_t max_bytes, const RequestOptions& options,
           GetCallback done) override;
  void Put(const std::string& name, SealedBytes bytes, PutDurability durability,
           const RequestOptions& options, PutCallback done) override;
  void Replace(const std::string& name, SealedBytes bytes, const RequestOptions& options,
               DoneCallback done) override;
  void List(const std::string& prefix, const std::string& from, size_t limit,
            const RequestOptions& options, ListCallback done) override;
  absl::Status Sync() override { return writer_.Flush(); }
  void Expect(const std::string& record_name) override;
  std::string Name() const override { return "registry " + repository_->Name(); }

  // What `floe store init` asks of a registry: that it takes blobs and answers ranges.
  // FAILED_PRECONDITION with the remedy when it does not. Blocks.
  absl::Status Probe();
  uint64_t range_requests() const { return reader_.requests(); }

 private:
  RegistryObjectStore(std::shared_ptr<registry::Repository> repository, uint64_t pack_bytes,
                      size_t io_threads);
  void GetChunk(const ChunkId& id, uint64_t max_bytes, const RequestOptions& options,
                GetCallback done);
  void GetPlace(const PackPlace& place, uint64_t max_bytes, const RequestOptions& options,
                GetCallback done);
  bool Learned() FLOE_EXCLUDES(mutex_);
  absl::Status LearnOnce() FLOE_EXCLUDES(mutex_, learning_);
  void PutChunk(const ChunkId& id, SealedBytes bytes, PutCallback done);
  absl::StatusOr<SealedBytes> GetNow(const RegistryName& name, uint64_t max_bytes);
  absl::StatusOr<PutResult> PutNow(const std::string& name, const RegistryName& parsed,
                                   ByteView bytes);
  absl::StatusOr<oci::ImageManifest> ManifestAt(const std::string& tag);
  absl::StatusOr<Bytes> GetSmall(const std::string& tag, uint64_t max_bytes);
  absl::StatusOr<PutResult> PutSmall(const std::string& name, const std::string& tag,
                                     ByteView bytes);
  absl::StatusOr<Bytes> GetConversion(const std::string& tag);
  absl::StatusOr<PutResult> PutConversion(const std::string& tag, ByteView bytes);
  absl::StatusOr<RootId> FixedRoot();
  absl::StatusOr<ObjectPage> ListNow(const std::string& prefix, const std::string& from,
                                     size_t limit);
  absl::StatusOr<ObjectPage> ListChunks(const std::string& prefix, const std::string& from,
                                        size_t limit);
  absl::StatusOr<uint64_t> SizeOf(const RegistryName& name);

  const std::shared_ptr<registry::Repository> repository_;
  PackMap map_;
  IndexCatalog catalog_;
  Mutex learning_;
  Mutex mutex_;
  bool learned_ FLOE_GUARDED_BY(mutex_) = false;  // every index, for writing
  RangeReader reader_;
  PackWriter writer_;
  // Last, so that they end first: requests_ gives work to the others, all use what is above.
  ThreadPool reads_;
  ThreadPool uploads_;
  ThreadPool requests_;
};

}  // namespace floe::store
