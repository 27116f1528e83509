// SPDX-License-Identifier: Apache-2.0
// Collects chunks in the order in which they are put and sends them as pack blobs.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"
#include "registry/repository.h"
#include "store/chunk_store.h"
#include "store/registry/pack_map.h"

namespace floe::store {

// Thread safe. Borrows everything; what was put is sent, or lost, before the pool ends.
class PackWriter {
 public:
  PackWriter(registry::Repository& repository, PackMap& map, Executor& pool, uint64_t pack_bytes)
      : repository_(repository), map_(map), pool_(pool), pack_bytes_(pack_bytes) {}

  // The chunk that fills a pack is answered when the pack was sent, which slows the caller down to
  // what the registry takes; others at once. A chunk that is known (PackMap) is not taken again
  // unless `replace`.
  void Put(const ChunkId& id, SealedBytes bytes, bool replace, ChunkStore::PutCallback done)
      FLOE_EXCLUDES(mutex_);
  // Sends what is left and waits for the rest. The first failure since the last Flush; its chunks
  // are unknown again. Blocks.
  absl::Status Flush() FLOE_EXCLUDES(mutex_);

 private:
  struct Pack {
    std::vector<PackedChunk> chunks;  // in the order of the pack
    std::vector<SealedBytes> bytes;
    uint64_t size = 0;
  };
  // Closes the open pack.
  std::shared_ptr<Pack> Take() FLOE_REQUIRES(mutex_);
  absl::Status Send(const Pack& pack);
  void Finished(const absl::Status& status) FLOE_EXCLUDES(mutex_);

  registry::Repository& repository_;
  PackMap& map_;
  Executor& pool_;
  const uint64_t pack_bytes_;
  Mutex mutex_;
  CondVar sent_;
  Pack open_ FLOE_GUARDED_BY(mutex_);
  size_t sending_ FLOE_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::store
