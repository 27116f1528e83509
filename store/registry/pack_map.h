// SPDX-License-Identifier: Apache-2.0
// Which chunk lies where in a repository's pack blobs, as far as it was learned or written here.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "store/chunk_store.h"
#include "store/registry/pack_index.h"

namespace floe::store {

// A pack that is still being filled or sent lies in memory; `blob` is set once it is in the
// registry.
struct PackPlace {
  std::shared_ptr<const PackBlob> blob;
  std::shared_ptr<const Bytes> memory;  // a chunk of an unsent pack: its own bytes
  uint32_t offset = 0;
  uint32_t length = 0;
};

// Thread safe.
class PackMap {
 public:
  std::optional<PackPlace> Find(const ChunkId& id) const FLOE_EXCLUDES(mutex_);
  // Chunks that are known already stay where they are.
  void Add(const PackIndex& index) FLOE_EXCLUDES(mutex_);

  // A chunk of an unsent pack. False when the chunk is known and `replace` is not set.
  bool AddUnsent(const ChunkId& id, SealedBytes bytes, bool replace) FLOE_EXCLUDES(mutex_);
  // The pack that holds these is in the registry.
  void Sent(const PackBlob& pack, const std::vector<PackedChunk>& chunks) FLOE_EXCLUDES(mutex_);
  // It will never be: the chunks are unknown again.
  void Lost(const std::vector<PackedChunk>& chunks) FLOE_EXCLUDES(mutex_);

  // The index of these chunks (ascending, unique). NOT_FOUND names one that is in no pack of the
  // registry. `repaired`: whether one of them was replaced here.
  absl::StatusOr<PackIndex> IndexOf(const ManifestId& manifest, const std::vector<ChunkId>& ids,
                                    bool* repaired) const FLOE_EXCLUDES(mutex_);

  // Up to `limit` chunks with their lengths after `from` (hexadecimal id; "" = the start).
  std::vector<std::pair<ChunkId, uint32_t>> List(const std::string& from, size_t limit) const
      FLOE_EXCLUDES(mutex_);

 private:
  std::shared_ptr<const PackBlob> Intern(const PackBlob& pack) FLOE_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<ChunkId, PackPlace> places_ FLOE_GUARDED_BY(mutex_);
  std::map<Sha256Digest, std::shared_ptr<const PackBlob>> packs_ FLOE_GUARDED_BY(mutex_);
  std::set<ChunkId> repaired_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::store
