// SPDX-License-Identifier: Apache-2.0
#include "cache/placement.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/sha256.h"

namespace floe::cache {
namespace {

constexpr uint16_t kNobody = 0xffff;

// A fixed bijection of 64 bits whose outputs look random; part of the placement's definition.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t SeedOf(const std::string& name) {
  const Sha256Digest digest = Sha256::Of(AsBytes(absl::StrCat("floe/placement/v1/", name)));
  uint64_t seed = 0;
  for (int i = 0; i < 8; ++i) seed |= uint64_t{digest[i]} << (8 * i);
  return seed;
}

struct RingPoint {
  uint64_t at;
  uint16_t server;
  friend auto operator<=>(const RingPoint&, const RingPoint&) = default;
};

// Fills the table partition by partition.
class PlacementMaker {
 public:
  PlacementMaker(const std::vector<std::string>& names, const Code& code)
      : shards_(code.shards()), loads_(names.size(), 0) {
    for (size_t s = 0; s < names.size(); ++s) {
      const uint64_t seed = SeedOf(names[s]);
      for (size_t v = 0; v < Placement::kPointsOfAServer; ++v) {
        ring_.push_back({Mix(seed + v), static_cast<uint16_t>(s)});
      }
    }
    std::sort(ring_.begin(), ring_.end());
    const double mean =
        static_cast<double>(Placement::kPartitions * shards_) / static_cast<double>(names.size());
    most_ = static_cast<size_t>(mean * Placement::kMaxLoad);
  }

  std::vector<uint16_t> Make() {
    for (size_t p = 0; p < Placement::kPartitions; ++p) Place(p);
    return std::move(table_);
  }

 private:
  // A shard on its way along the ring.
  struct Walk {
    uint64_t from = 0;
    size_t step = 0;  // the ring point it stands at
    size_t visited = 0;
    uint64_t distance = 0;
  };

  void Place(size_t partition) {
    table_.resize(table_.size() + shards_, kNobody);
    std::vector<Walk> walks(shards_);
    for (size_t i = 0; i < shards_; ++i) {
      Walk& walk = walks[i];
      walk.from = Mix(Mix(partition) + i);
      walk.step = static_cast<size_t>(
          std::lower_bound(ring_.begin(), ring_.end(), RingPoint{walk.from, 0}) - ring_.begin());
    }
    for (size_t i = 0; i < shards_; ++i) {
      // Who is pushed off its server by a nearer shard walks on.
      size_t walker = i;
      while (walker != kNobody) walker = Settle(partition, walks, walker);
    }
    for (size_t i = 0; i < shards_; ++i) {
      if (Row(partition)[i] == kNobody) MakeRoom(partition, i);
    }
    for (size_t i = 0; i < shards_; ++i) ++loads_[Row(partition)[i]];
  }

  uint16_t* Row(size_t partition) { return table_.data() + partition * shards_; }

  // Walks shard `i` to a server that takes it; gives the shard that was there before, or kNobody.
  size_t Settle(size_t partition, std::vector<Walk>& walks, size_t i) {
    Walk& walk = walks[i];
    uint16_t* const row = Row(partition);
    for (; walk.visited < ring_.size(); ++walk.visited, ++walk.step) {
      const RingPoint& point = ring_[walk.step % ring_.size()];
      if (loads_[point.server] >= most_) continue;
      walk.distance = point.at - walk.from;  // around zero, too
      const size_t holder = static_cast<size_t>(std::find(row, row + shards_, point.server) - row);
      if (holder == shards_) {
        row[i] = point.server;
        return kNobody;
      }
      if (holder != i && walk.distance < walks[holder].distance) {
        row[i] = point.server;
        row[holder] = kNobody;
        return holder;
      }
    }
    return kNobody;  // fewer than k+r servers have room
  }

  // Every server with room serves this partition already. Then another partition gives one that has
  // none: it goes to a server with room there, which is always found, because a full server serves
  // more partitions than one with room.
  void MakeRoom(size_t partition, size_t i) {
    uint16_t* const row = Row(partition);
    for (size_t other = 0; other < partition; ++other) {
      uint16_t* const theirs = Row(other);
      for (size_t j = 0; j < shards_; ++j) {
        if (std::find(row, row + shards_, theirs[j]) != row + shards_) continue;
        for (uint16_t free = 0; free < loads_.size(); ++free) {
          if (FreeLoad(row, free) >= most_) continue;
          if (std::find(theirs, theirs + shards_, free) != theirs + shards_) continue;
          row[i] = theirs[j];
          --loads_[theirs[j]];
          theirs[j] = free;
          ++loads_[free];
          return;
        }
      }
    }
  }
  // What it will hold when this partition is counted.
  size_t FreeLoad(const uint16_t* row, uint16_t server) const {
    return loads_[server] + (std::find(row, row + shards_, server) != row + shards_ ? 1 : 0);
  }

  const size_t shards_;
  size_t most_ = 0;
  std::vector<size_t> loads_;  // partitions served, those before the present one
  std::vector<RingPoint> ring_;
  std::vector<uint16_t> table_;
};

struct SharedPlacements {
  Mutex mutex;
  std::map<std::string, std::weak_ptr<const Placement>> placements FLOE_GUARDED_BY(mutex);
};

}  // namespace

Placement::Placement(const std::vector<std::string>& names, const Code& code)
    : code_(code), table_(PlacementMaker(names, code).Make()) {}

std::shared_ptr<const Placement> Placement::Of(const std::vector<std::string>& names,
                                               const Code& wanted) {
  static SharedPlacements& shared = *new SharedPlacements;
  const Code code = CodeFor(wanted, names.size());
  std::string key = CodeText(code);
  for (const std::string& name : names) absl::StrAppend(&key, "\n", name);
  MutexLock lock(shared.mutex);
  std::erase_if(shared.placements, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<const Placement>& entry = shared.placements[key];
  std::shared_ptr<const Placement> placement = entry.lock();
  if (!placement) {
    placement = std::make_shared<const Placement>(names, code);
    entry = placement;
  }
  return placement;
}

}  // namespace floe::cache
