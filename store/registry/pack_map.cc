// SPDX-License-Identifier: Apache-2.0
#include "store/registry/pack_map.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace floe::store {

std::optional<PackPlace> PackMap::Find(const ChunkId& id) const {
  MutexLock lock(mutex_);
  const auto it = places_.find(id);
  if (it == places_.end()) return std::nullopt;
  return it->second;
}

std::shared_ptr<const PackBlob> PackMap::Intern(const PackBlob& pack) {
  std::shared_ptr<const PackBlob>& known = packs_[pack.digest];
  if (known == nullptr) known = std::make_shared<const PackBlob>(pack);
  return known;
}

void PackMap::Add(const PackIndex& index) {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<const PackBlob>> packs;
  for (const PackBlob& pack : index.packs) packs.push_back(Intern(pack));
  for (const PackedChunk& chunk : index.chunks) {
    places_.try_emplace(chunk.id,
                        PackPlace{packs[chunk.pack], nullptr, chunk.offset, chunk.length});
  }
}

bool PackMap::AddUnsent(const ChunkId& id, SealedBytes bytes, bool replace) {
  MutexLock lock(mutex_);
  const uint32_t length = static_cast<uint32_t>(bytes->size());
  PackPlace place{nullptr, std::move(bytes), 0, length};
  if (!replace) return places_.try_emplace(id, std::move(place)).second;
  places_[id] = std::move(place);
  repaired_.insert(id);
  return true;
}

void PackMap::Sent(const PackBlob& pack, const std::vector<PackedChunk>& chunks) {
  MutexLock lock(mutex_);
  const std::shared_ptr<const PackBlob> blob = Intern(pack);
  for (const PackedChunk& chunk : chunks) {
    places_[chunk.id] = PackPlace{blob, nullptr, chunk.offset, chunk.length};
  }
}

void PackMap::Lost(const std::vector<PackedChunk>& chunks) {
  MutexLock lock(mutex_);
  for (const PackedChunk& chunk : chunks) places_.erase(chunk.id);
}

absl::StatusOr<PackIndex> PackMap::IndexOf(const ManifestId& manifest,
                                           const std::vector<ChunkId>& ids, bool* repaired) const {
  MutexLock lock(mutex_);
  PackIndex index;
  index.manifest = manifest;
  *repaired = false;
  std::map<Sha256Digest, uint32_t> numbers;  // by digest, so that the order is no accident
  for (const ChunkId& id : ids) {
    const auto it = places_.find(id);
    if (it == places_.end() || it->second.blob == nullptr) {
      return absl::NotFoundError(absl::StrCat("chunk ", id.ToHex(), " is in no pack"));
    }
    numbers[it->second.blob->digest] = 0;
    *repaired = *repaired || repaired_.count(id) > 0;
  }
  for (auto& [digest, number] : numbers) {
    number = static_cast<uint32_t>(index.packs.size());
    index.packs.push_back(*packs_.at(digest));
  }
  for (const ChunkId& id : ids) {
    const PackPlace& place = places_.at(id);
    index.chunks.push_back({id, numbers.at(place.blob->digest), place.offset, place.length});
  }
  return index;
}

std::vector<std::pair<ChunkId, uint32_t>> PackMap::List(const std::string& from,
                                                        size_t limit) const {
  MutexLock lock(mutex_);
  std::vector<std::pair<ChunkId, uint32_t>> page;
  auto it = places_.begin();
  if (const std::optional<ChunkId> after = ChunkId::FromHex(from)) it = places_.upper_bound(*after);
  for (; it != places_.end() && page.size() < limit; ++it) {
    page.emplace_back(it->first, it->second.length);
  }
  return page;
}

}  // namespace floe::store
