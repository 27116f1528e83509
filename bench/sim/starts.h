// SPDX-License-Identifier: Apache-2.0
// What containers do: starts that read an image's chunks, arriving as traces say.
#pragma once

#include <functional>
#include <memory>

#include "bench/sim/catalog.h"
#include "bench/sim/cluster.h"

namespace floe::sim {

// Reads the chunks of one start in order, `window` at a time; `done` hears whether all came. A
// chunk that fails ends the start, as a failed read ends a process.
void RunStart(Cluster& cluster, size_t node, const StartChunks& chunks, size_t window,
              std::function<void(bool ok)> done);

struct TraceOptions {
  double starts_per_second = 0;  // a Poisson process
  size_t window = 4;             // reads that a start has under way: readahead and threads [A]
  // Spikes [B 1]: arrivals that are one image on many nodes at once. Share and size assumed [A].
  double burst_share = 0.02;
  size_t burst_starts = 20;
  // Functions that a clock starts (constants.h): each arrival of this kind is an image that is
  // drawn evenly, not by popularity, and they come at full minutes.
  double cron_share = 0;
  // New images: one in so many arrivals is an upload that is started at once [A].
  size_t arrivals_an_upload = 1000;
};

struct TraceCounts {
  uint64_t starts = 0;
  uint64_t ok = 0;
  uint64_t failed = 0;
};

// Plays a trace on a cluster, images by popularity (constants.h), nodes evenly. Not to be moved.
class Trace {
 public:
  // Borrowed, and outlive this.
  Trace(Cluster& cluster, Catalog& catalog, const TraceOptions& options, Random random);
  // Plays so many starts more and returns when the last is over.
  void Play(size_t starts);
  const TraceCounts& counts() const { return counts_; }

 private:
  void Arrive();
  void Start(size_t image);
  size_t PickImage();

  Cluster& cluster_;
  Catalog& catalog_;
  const TraceOptions options_;
  Random random_;
  // Popular images are not the oldest, nor all of one family: ranks are dealt out.
  std::vector<uint32_t> by_rank_;
  Zipf popularity_;
  size_t left_ = 0;
  uint64_t arrivals_ = 0;
  TraceCounts counts_;
};

}  // namespace floe::sim
