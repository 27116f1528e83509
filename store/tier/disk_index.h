// SPDX-License-Identifier: Apache-2.0
// What the disk tier holds and which entry goes first: LRU-K with K = 2, so that one walk through a
// large image does not push out what containers read again and again.
//
// An entry's place is its second-last use; one that was used once goes before all that were used
// twice, the least recent first. Uses within kCorrelated of each other are one use. What was
// evicted is remembered for a while: if it comes back, its earlier use counts.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/chunk_id.h"

namespace floe::store {

// Milliseconds since the epoch; 0 = never.
using UseTime = uint64_t;

struct DiskEntry {
  uint32_t sealed_length = 0;
  UseTime last = 0;
  UseTime second_last = 0;
  uint64_t generation = 0;  // tells an entry from a later one of the same id
};

// Not thread safe.
class DiskIndex {
 public:
  static constexpr UseTime kCorrelated = 2000;

  // `id` is not in the index. Gives the entry's generation.
  uint64_t Insert(const ChunkId& id, uint32_t sealed_length, UseTime now);
  // The same with known uses (after a restart).
  void Restore(const ChunkId& id, uint32_t sealed_length, UseTime last, UseTime second_last);
  const DiskEntry* Find(const ChunkId& id) const;
  // Counts a use. `id` is in the index.
  void Touch(const ChunkId& id, UseTime now);
  void Erase(const ChunkId& id);
  // Takes out the entry that goes first; nullopt when empty.
  std::optional<std::pair<ChunkId, DiskEntry>> PopVictim();

  size_t size() const { return entries_.size(); }
  // Ascending, after `after` when given, at most `limit`.
  std::vector<ChunkId> Ids(const std::optional<ChunkId>& after, size_t limit) const;
  template <typename F>
  void ForEach(F f) const {
    for (const auto& [id, entry] : entries_) f(id, entry);
  }

 private:
  struct IdHash {
    size_t operator()(const ChunkId& id) const {
      size_t hash;
      std::memcpy(&hash, id.bytes.data(), sizeof hash);
      return hash;
    }
  };
  using Rank = std::tuple<UseTime, UseTime, ChunkId>;  // second last, last
  static Rank RankOf(const ChunkId& id, const DiskEntry& entry) {
    return {entry.second_last, entry.last, id};
  }
  void Add(const ChunkId& id, const DiskEntry& entry);
  void Remember(const ChunkId& id, UseTime last);

  std::unordered_map<ChunkId, DiskEntry, IdHash> entries_;
  std::set<Rank> order_;
  std::unordered_map<ChunkId, UseTime, IdHash> evicted_;  // last use
  std::deque<ChunkId> evicted_order_;
  uint64_t next_generation_ = 1;
};

}  // namespace floe::store
