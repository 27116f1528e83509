// SPDX-License-Identifier: Apache-2.0
#include "store/tier/memory_tier.h"

#include "base/codec.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

constexpr size_t kBookkeepingBytes = 256;  // list node, hash node, vector

size_t Charge(const OpenedBytes& bytes) { return bytes->size() + kBookkeepingBytes; }

}  // namespace

OpenedKey OpenedKey::Of(const ChunkRef& ref) {
  LittleEndianWriter writer;
  writer.PutBytes(ref.key);
  writer.Put<uint32_t>(ref.raw_length);
  writer.Put<uint32_t>(ref.sealed_length);
  writer.Put<uint8_t>(static_cast<uint8_t>(ref.codec));
  Bytes how = writer.Take();
  const OpenedKey key{ref.id, Sha256(how)};
  Wipe(how);
  return key;
}

MemoryTier::MemoryTier(size_t max_bytes, MemoryTierCounters counters)
    : shard_bytes_(max_bytes / kShards), counters_(counters) {}

OpenedBytes MemoryTier::Get(const OpenedKey& key) {
  if (counters_.tier == nullptr) {
    OpenedBytes found = Find(key);
    AddTo(found ? counters_.hits : counters_.misses);
    return found;
  }
  const SteadyTime begun = Clock::Real().Now();
  OpenedBytes found = Find(key);
  const SteadyTime::duration took = Clock::Real().Now() - begun;
  if (found) {
    counters_.tier->Hit(took, found->size());
  } else {
    counters_.tier->Miss(took);
  }
  return found;
}

OpenedBytes MemoryTier::Find(const OpenedKey& key) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  const auto found = shard.index.find(key);
  if (found == shard.index.end()) return nullptr;
  shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
  return found->second->bytes;
}

OpenedBytes MemoryTier::Peek(const OpenedKey& key) const {
  const Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  const auto found = shard.index.find(key);
  return found == shard.index.end() ? nullptr : found->second->bytes;
}

void MemoryTier::Put(const OpenedKey& key, OpenedBytes bytes) {
  if (Charge(bytes) > shard_bytes_) {
    if (counters_.tier != nullptr) counters_.tier->refused_puts.Add();
    return;
  }
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  if (shard.index.contains(key)) return;
  if (counters_.tier != nullptr) counters_.tier->fills.Add();
  shard.bytes += Charge(bytes);
  if (counters_.bytes != nullptr) counters_.bytes->Add(static_cast<double>(Charge(bytes)));
  shard.entries.push_front({key, std::move(bytes)});
  shard.index[key] = shard.entries.begin();
  while (shard.bytes > shard_bytes_) EvictFrom(shard);
}

void MemoryTier::EvictFrom(Shard& shard) {
  const Entry& last = shard.entries.back();
  shard.bytes -= Charge(last.bytes);
  if (counters_.bytes != nullptr) counters_.bytes->Add(-static_cast<double>(Charge(last.bytes)));
  AddTo(counters_.evictions);
  shard.index.erase(last.key);
  shard.entries.pop_back();
}

void MemoryTier::Clear() {
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    while (!shard.entries.empty()) EvictFrom(shard);
  }
}

size_t MemoryTier::bytes() const {
  size_t total = 0;
  for (const Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    total += shard.bytes;
  }
  return total;
}

}  // namespace floe::store
