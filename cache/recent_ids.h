// SPDX-License-Identifier: Apache-2.0
// The ids used last, each once, oldest forgotten.
#pragma once

#include <list>
#include <unordered_map>
#include <vector>

#include "store/chunk_id.h"

namespace floe::cache {

// Not thread safe.
class RecentIds {
 public:
  explicit RecentIds(size_t most) : most_(most) {}

  void Use(const store::ChunkId& id) {
    if (most_ == 0) return;
    const auto found = index_.find(id);
    if (found != index_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return;
    }
    if (order_.size() == most_) {
      index_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(id);
    index_[id] = order_.begin();
  }
  // Last used first.
  std::vector<store::ChunkId> All() const { return {order_.begin(), order_.end()}; }
  size_t size() const { return order_.size(); }

 private:
  struct Hash {
    size_t operator()(const store::ChunkId& id) const {
      size_t value = 0;
      std::memcpy(&value, id.bytes.data(), sizeof value);  // a hash value already
      return value;
    }
  };
  const size_t most_;
  std::list<store::ChunkId> order_;
  std::unordered_map<store::ChunkId, std::list<store::ChunkId>::iterator, Hash> index_;
};

}  // namespace floe::cache
