// SPDX-License-Identifier: Apache-2.0
// The nearest tier: opened chunks in memory.
//
// Keyed by everything that opening takes (id, key, codec, lengths), never by the id alone: a
// manifest that names somebody else's ids with made-up keys must not find their plaintext here.
#pragma once

#include <array>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "store/seal/seal.h"
#include "store/tier/tier_metrics.h"

namespace floe::store {

using OpenedBytes = std::shared_ptr<const Bytes>;

struct OpenedKey {
  ChunkId id;
  // SHA-256 of key, codec and lengths: the tier need not hold keys.
  std::array<uint8_t, 32> opening{};

  static OpenedKey Of(const ChunkRef& ref);
  friend bool operator==(const OpenedKey&, const OpenedKey&) = default;
};
struct OpenedKeyHash {
  size_t operator()(const OpenedKey& key) const {
    size_t a = 0;
    size_t b = 0;
    std::memcpy(&a, key.id.bytes.data(), sizeof a);
    std::memcpy(&b, key.opening.data(), sizeof b);
    return a ^ b;  // both are hash values already
  }
};

struct MemoryTierCounters {
  Counter* hits = nullptr;
  Counter* misses = nullptr;
  Counter* evictions = nullptr;
  Gauge* bytes = nullptr;
  const TierMetrics* tier = nullptr;  // in place of hits and misses
};

// Thread safe: shards with a lock each, least recently used goes first. What a caller holds stays
// valid after eviction.
class MemoryTier {
 public:
  // Holds at most `max_bytes` of opened bytes and bookkeeping; 0 keeps nothing.
  explicit MemoryTier(size_t max_bytes, MemoryTierCounters counters = {});

  // nullptr when it is not here.
  OpenedBytes Get(const OpenedKey& key);
  // The same without counting it as a use.
  OpenedBytes Peek(const OpenedKey& key) const;
  void Put(const OpenedKey& key, OpenedBytes bytes);
  void Clear();
  size_t bytes() const;

 private:
  struct Entry {
    OpenedKey key;
    OpenedBytes bytes;
  };
  struct Shard {
    mutable Mutex mutex;
    std::list<Entry> entries FLOE_GUARDED_BY(mutex);  // most recent first
    std::unordered_map<OpenedKey, std::list<Entry>::iterator, OpenedKeyHash> index
        FLOE_GUARDED_BY(mutex);
    size_t bytes FLOE_GUARDED_BY(mutex) = 0;
  };
  const Shard& ShardOf(const OpenedKey& key) const { return shards_[key.id.bytes[31] % kShards]; }
  Shard& ShardOf(const OpenedKey& key) { return shards_[key.id.bytes[31] % kShards]; }
  OpenedBytes Find(const OpenedKey& key);
  void EvictFrom(Shard& shard) FLOE_REQUIRES(shard.mutex);

  static constexpr size_t kShards = 8;
  const size_t shard_bytes_;
  const MemoryTierCounters counters_;
  std::array<Shard, kShards> shards_;
};

}  // namespace floe::store
