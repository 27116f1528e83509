// SPDX-License-Identifier: Apache-2.0
// An origin of chunks: how long it takes, how much it can do, what it answers beyond that.
#pragma once

#include <string>
#include <vector>

#include "bench/sim/catalog.h"
#include "bench/sim/constants.h"
#include "bench/sim/loop.h"
#include "store/chunk_store.h"

namespace floe::sim {

struct OriginOptions {
  Quantiles seconds = OriginSeconds();  // an answer when nothing is in its way
  double requests_per_second = 0;       // 0: no limit
  Duration longest_queue{0};            // requests that would wait longer are told to slow down
  double refusal_seconds = 0.01;        // how fast it says so [A]
  bool tells_to_slow_down = true;       // false: refusals are errors like others (UNAVAILABLE)
  // What a refusal costs of the room of a request: an origin that is overloaded spends on saying
  // so, and what it spends is lost to others [A].
  double refusal_cost = 0;
};

struct OriginCounts {
  uint64_t asked = 0;
  uint64_t served = 0;
  uint64_t refused = 0;
  uint64_t again = 0;  // of those served: chunks that were served before
};

// Gets a chunk of the pool, whoever asks. Puts, lists: nobody here needs them (UNIMPLEMENTED).
class SimOrigin final : public store::ChunkStore {
 public:
  // Borrowed, and outlive this.
  SimOrigin(Loop& loop, const ChunkPool& pool, const OriginOptions& options, Random random)
      : loop_(loop), pool_(pool), options_(options), random_(random), free_at_(loop.Now()) {}

  void Get(const store::ChunkId& id, const store::RequestOptions& options,
           GetCallback done) override;
  void Put(const store::VerifiedSealed& chunk, const store::RequestOptions& options,
           PutCallback done) override;
  void List(const std::string& from, size_t limit, const store::RequestOptions& options,
            ListCallback done) override;
  absl::Status Sync() override { return absl::OkStatus(); }
  std::string Name() const override { return "simulated origin"; }

  void SetLimit(double requests_per_second);
  const OriginCounts& counts() const { return counts_; }

 private:
  Loop& loop_;
  const ChunkPool& pool_;
  OriginOptions options_;
  Random random_;
  OriginCounts counts_;
  std::vector<bool> served_before_;  // by the chunk's number
  SteadyTime free_at_;               // when the next request would be taken up
};

}  // namespace floe::sim
