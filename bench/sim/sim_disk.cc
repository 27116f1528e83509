// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/sim_disk.h"

#include <utility>

#include "bench/sim/constants.h"

namespace floe::sim {

store::UseTime SimDisk::Now() const {
  return static_cast<store::UseTime>(
      std::chrono::duration_cast<std::chrono::milliseconds>(loop_.WallNow().time_since_epoch())
          .count());
}

void SimDisk::Get(const store::ChunkId& id, const store::RequestOptions&, GetCallback done) {
  if (index_.Find(id) == nullptr) return done(absl::NotFoundError("not on this node"));
  index_.Touch(id, Now());
  loop_.RunAfter(FromSeconds(kDiskSeconds), [this, id, done = std::move(done)] {
    done(store::FetchedChunk(pool_.chunk(*pool_.NumberOf(id))));
  });
}

void SimDisk::Put(const store::VerifiedSealed& chunk, const store::RequestOptions&,
                  PutCallback done) {
  if (capacity_ == 0) return done(absl::ResourceExhaustedError("this node keeps nothing"));
  if (index_.Find(chunk.id()) != nullptr) return done(store::PutResult::kExisted);
  while (index_.size() >= capacity_) index_.PopVictim();
  index_.Insert(chunk.id(), static_cast<uint32_t>(kChunkBytes), Now());
  done(store::PutResult::kCreated);
}

void SimDisk::List(const std::string&, size_t, const store::RequestOptions&, ListCallback done) {
  done(absl::UnimplementedError("the simulated disk has no lists"));
}

}  // namespace floe::sim
