// SPDX-License-Identifier: Apache-2.0
// Every number of the model that was measured by somebody else, with its source, and every one that
// is assumed, marked so. doc/simulator.md explains them.
//
//   [B]  Brooker et al., "On-demand Container Loading in AWS Lambda", USENIX ATC 2023
//   [IC] Wang et al., "InfiniCache", FAST 2020
//   [REG] Anwar et al., "Improving Docker Registry Design Based on Production Workload Analysis",
//        FAST 2018 (the IBM registry traces)
//   [S]  Harter et al., "Slacker", FAST 2016
//   [A]  assumed: no source states it; the experiment that depends on it varies it or says so
#pragma once

#include "bench/sim/random.h"

namespace floe::sim {

// [B 2] fixed chunks of 512 KiB.
inline constexpr double kChunkBytes = 512 * 1024;

// [B 4] worker to S3: p50 36 ms, p99.9 175 ms. The points between lie on the same straight line
// of logarithms; the fastest answer is half the median [A].
inline Quantiles OriginSeconds() { return {{{0.0, 0.018}, {0.5, 0.036}, {0.999, 0.175}}, 1.0}; }

// One request of a shard as the client sees it, without the transfer over the server's link.
// [B Fig. 9] gives the whole fetch as 4-of-4 and 4-of-5. With F the share of single requests that
// are done in time, 4-of-4 is F^4: its quantiles (p10 1.22, p50 1.43, p75 1.69, p90 2.34, p95 3.02,
// "CDF 0.98" at 4.15 ms) give F at 0.562, 0.841, 0.931, 0.974, 0.987, 0.995. Below 1.22 ms 4-of-5
// (p10 1.14) gives 0.416. The fastest answer [A]: 1.0 ms. The 4-of-5 curve above p10 is not used:
// it is what the experiment "tail" must find.
inline Quantiles ShardSeconds() {
  return {{{0.0, 1.00e-3},
           {0.416, 1.14e-3},
           {0.562, 1.22e-3},
           {0.841, 1.43e-3},
           {0.931, 1.69e-3},
           {0.974, 2.34e-3},
           {0.9873, 3.02e-3},
           {0.995, 4.15e-3}},
          0.05};
}

// [B 5.1] cache machines saturate 50 Gb/s network cards.
inline constexpr double kServerLinkBytesPerSecond = 50e9 / 8;

// [B 5.1, Fig. 10-11] a read that the node's own tier serves: mode below 100 us.
inline constexpr double kDiskSeconds = 80e-6;

// [REG] the top 1 % of layers take 42 % (Dallas) to 59 % (Sydney) of requests, the top ten 8-30 %.
// Over 10,000 images an exponent of 0.9 gives 41 % and 20 %.
inline constexpr double kPopularityExponent = 0.9;

// [S, read by others] 27 MB are read at a start: 52 chunks.
inline constexpr size_t kChunksAStart = 52;

// [B 3] of newly uploaded functions 80 % hold no chunk of their own.
inline constexpr double kShareOfCopies = 0.8;

// [B Fig. 5] unique chunks of the rest, the lower three size quartiles: p50 2.5 %, p90 7 %,
// p95 13 %, p99 37 %; from share 0.23 to 0.83 the step of one chunk.
inline Quantiles UniqueShare() {
  return {{{0.0, 0.005}, {0.23, 0.025}, {0.83, 0.029}, {0.9, 0.07}, {0.95, 0.13}, {0.99, 0.37}},
          1.0};
}

// [B 4.3] functions that a clock starts are many, and each is started once: a scan. Their share of
// starts is not stated [A].
inline constexpr double kCronShare = 0.1;

// [IC 4.1] from December 2019 on about 36 of 400 functions were reclaimed an hour, all the time.
inline constexpr double kInfiniCacheLossesAnHour = 36;
inline constexpr size_t kInfiniCacheServers = 400;

}  // namespace floe::sim
