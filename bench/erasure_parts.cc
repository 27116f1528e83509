// SPDX-License-Identifier: Apache-2.0
// Encoding and decoding of the shared cache's erasure codes against memcpy of the same shards, in
// the same run on one thread. usage: erasure_parts
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "bench/stopwatch.h"
#include "cache/erasure_code.h"

namespace floe::cache {
namespace {

constexpr int kErasureRounds = 15;
constexpr double kErasureMark = 0.5;
// More than the caches hold, as chunks that come from a network are.
constexpr size_t kSetBytes = 64 << 20;

// Many chunks' shards, one after the other.
struct ShardSet {
  size_t shard_bytes;
  size_t chunks;
  std::vector<Bytes> memory;  // one a chunk: its k+r shards

  uint8_t* At(size_t chunk, size_t index) { return memory[chunk].data() + index * shard_bytes; }
};

bool ReportAgainstCopy(const char* what, double seconds, double copy, size_t bytes, bool marked) {
  const double ratio = copy / seconds;
  const bool missed = marked && ratio < kErasureMark;
  std::printf("    %-34s %7.0f MB/s  %5.2f x memcpy%s\n", what,
              1e-6 * static_cast<double>(bytes) / seconds, ratio, missed ? "  MISSED" : "");
  return !missed;
}

bool MeasureCode(const Code& shape, size_t chunk_bytes, bool marked) {
  const ErasureCode code(shape);
  const size_t shard = (chunk_bytes + shape.k - 1) / shape.k;
  ShardSet set{shard, kSetBytes / chunk_bytes, {}};
  for (size_t c = 0; c < set.chunks; ++c) {
    set.memory.emplace_back(shard * shape.shards(), static_cast<uint8_t>(c * 37 + 1));
  }
  Bytes target(shard * shape.shards());
  const size_t bytes = set.chunks * shard * shape.k;
  // memcpy of what encoding reads and of what decoding gives: the k shards of data.
  const double copy = Fastest(kErasureRounds, [&] {
    for (size_t c = 0; c < set.chunks; ++c) {
      for (size_t i = 0; i < shape.k; ++i) {
        std::memcpy(target.data() + i * shard, set.At(c, i), shard);
      }
    }
  });
  const double encode = Fastest(kErasureRounds, [&] {
    for (size_t c = 0; c < set.chunks; ++c) {
      std::vector<const uint8_t*> data;
      std::vector<uint8_t*> parity;
      for (size_t i = 0; i < shape.k; ++i) data.push_back(set.At(c, i));
      for (size_t i = shape.k; i < shape.shards(); ++i) parity.push_back(set.At(c, i));
      code.Encode(shard, data, parity);
    }
  });
  // The first r shards of data are lost; the others are copied to their place.
  const double decode = Fastest(kErasureRounds, [&] {
    for (size_t c = 0; c < set.chunks; ++c) {
      std::vector<const uint8_t*> there(shape.shards(), nullptr);
      std::vector<uint8_t*> out(shape.k);
      for (size_t i = 0; i < shape.shards(); ++i) {
        if (i >= shape.r) there[i] = set.At(c, i);
        if (i >= shape.k) continue;
        out[i] = target.data() + i * shard;
        if (i < shape.r) continue;
        std::memcpy(out[i], there[i], shard);
        there[i] = out[i];  // as JoinShards does: just written, so near
      }
      code.Reconstruct(shard, there, out);
    }
  });
  std::printf("  %s, chunks of %zu KiB\n", CodeText(shape).c_str(), chunk_bytes >> 10);
  ReportAgainstCopy("memcpy", copy, copy, bytes, false);
  const bool encoded = ReportAgainstCopy("encode", encode, copy, bytes, marked);
  return ReportAgainstCopy("decode (r shards of data lost)", decode, copy, bytes, marked) &&
         encoded;
}

}  // namespace
}  // namespace floe::cache

int main() {
  using floe::cache::MeasureCode;
  std::printf("bytes of sealed chunks a second; mark: %.1f x memcpy for 4+1\n",
              floe::cache::kErasureMark);
  bool good = true;
  for (const size_t chunk : {size_t{128} << 10, size_t{256} << 10, size_t{1} << 20}) {
    good = MeasureCode({4, 1}, chunk, true) && good;
  }
  MeasureCode({1, 1}, 256 << 10, false);
  MeasureCode({10, 2}, 256 << 10, false);
  return good ? 0 : 1;
}
