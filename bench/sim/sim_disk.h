// SPDX-License-Identifier: Apache-2.0
// A node's own tier without files: the index of the real disk tier (LRU-K), and a time for a hit.
#pragma once

#include <string>

#include "bench/sim/catalog.h"
#include "bench/sim/loop.h"
#include "store/chunk_store.h"
#include "store/tier/disk_index.h"

namespace floe::sim {

// Holds `capacity` chunks. Bytes come from the pool: what lies on a node's disk is checked.
class SimDisk final : public store::ChunkStore {
 public:
  // Borrowed, and outlive this.
  SimDisk(Loop& loop, const ChunkPool& pool, size_t capacity)
      : loop_(loop), pool_(pool), capacity_(capacity) {}

  // NOT_FOUND at once: the index is in memory.
  void Get(const store::ChunkId& id, const store::RequestOptions& options,
           GetCallback done) override;
  void Put(const store::VerifiedSealed& chunk, const store::RequestOptions& options,
           PutCallback done) override;
  void List(const std::string& from, size_t limit, const store::RequestOptions& options,
            ListCallback done) override;
  absl::Status Sync() override { return absl::OkStatus(); }
  std::string Name() const override { return "simulated disk"; }

  size_t size() const { return index_.size(); }

 private:
  store::UseTime Now() const;

  Loop& loop_;
  const ChunkPool& pool_;
  const size_t capacity_;
  store::DiskIndex index_;
};

}  // namespace floe::sim
