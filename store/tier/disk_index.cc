// SPDX-License-Identifier: Apache-2.0
#include "store/tier/disk_index.h"

#include <algorithm>

namespace floe::store {
namespace {

constexpr size_t kLeastRemembered = 1024;

}  // namespace

void DiskIndex::Add(const ChunkId& id, const DiskEntry& entry) {
  entries_[id] = entry;
  order_.insert(RankOf(id, entry));
}

uint64_t DiskIndex::Insert(const ChunkId& id, uint32_t sealed_length, UseTime now) {
  DiskEntry entry{sealed_length, now, 0, next_generation_++};
  if (const auto before = evicted_.find(id); before != evicted_.end()) {
    if (now - before->second >= kCorrelated) entry.second_last = before->second;
    evicted_.erase(before);
  }
  Add(id, entry);
  return entry.generation;
}

void DiskIndex::Restore(const ChunkId& id, uint32_t sealed_length, UseTime last,
                        UseTime second_last) {
  Add(id, {sealed_length, last, second_last, next_generation_++});
}

const DiskEntry* DiskIndex::Find(const ChunkId& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

void DiskIndex::Touch(const ChunkId& id, UseTime now) {
  DiskEntry& entry = entries_.at(id);
  order_.erase(RankOf(id, entry));
  if (now > entry.last) {
    if (now - entry.last >= kCorrelated) entry.second_last = entry.last;
    entry.last = now;
  }
  order_.insert(RankOf(id, entry));
}

void DiskIndex::Erase(const ChunkId& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  order_.erase(RankOf(id, found->second));
  entries_.erase(found);
}

std::optional<std::pair<ChunkId, DiskEntry>> DiskIndex::PopVictim() {
  if (order_.empty()) return std::nullopt;
  const ChunkId id = std::get<ChunkId>(*order_.begin());
  const DiskEntry entry = entries_.at(id);
  Erase(id);
  Remember(id, entry.last);
  return std::pair(id, entry);
}

void DiskIndex::Remember(const ChunkId& id, UseTime last) {
  if (evicted_.emplace(id, last).second) evicted_order_.push_back(id);
  // Names that came back stay in the queue; they are skipped when they reach its head.
  while (evicted_.size() > std::max(kLeastRemembered, entries_.size()) ||
         evicted_order_.size() > 4 * std::max(kLeastRemembered, entries_.size())) {
    evicted_.erase(evicted_order_.front());
    evicted_order_.pop_front();
  }
}

std::vector<ChunkId> DiskIndex::Ids(const std::optional<ChunkId>& after, size_t limit) const {
  std::vector<ChunkId> ids;
  for (const auto& [id, entry] : entries_) {
    if (!after || *after < id) ids.push_back(id);
  }
  const size_t count = std::min(limit, ids.size());
  std::partial_sort(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(count), ids.end());
  ids.resize(count);
  return ids;
}

}  // namespace floe::store
