// SPDX-License-Identifier: Apache-2.0
// Load of servers with and without bounded placement: keys, reads of a popular few, and what moves
// when a server joins.
#include <algorithm>
#include <functional>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/sim/catalog.h"
#include "bench/sim/constants.h"
#include "bench/sim/experiments.h"
#include "bench/sim/plain_ring.h"
#include "cache/placement.h"

namespace floe::sim {
namespace {

using ServersOf = std::function<std::vector<uint16_t>(const store::ChunkId& id)>;
using ReadWeights = std::vector<std::pair<store::ChunkId, double>>;  // chunk, reads of it

std::vector<std::string> ServerNames(size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) {
    names.push_back(absl::StrFormat("10.0.%d.%d:11211", i / 250, i % 250 + 1));
  }
  std::sort(names.begin(), names.end());
  return names;
}

ServersOf Plain(const std::vector<std::string>& names, size_t points, const cache::Code& code) {
  return [ring = PlainRing(names, points), count = code.shards()](const store::ChunkId& id) {
    return ring.ServersOf(id, count);
  };
}

ServersOf Bounded(const std::vector<std::string>& names, const cache::Code& code) {
  return [placement = cache::Placement::Of(names, code)](const store::ChunkId& id) {
    const auto servers = placement->ServersOf(id);
    return std::vector<uint16_t>(servers.begin(), servers.end());
  };
}

// The most loaded server over the mean.
double MaxOverMean(const ReadWeights& reads, size_t servers, const ServersOf& place) {
  std::vector<double> load(servers, 0);
  for (const auto& [id, weight] : reads) {
    for (const uint16_t server : place(id)) load[server] += weight;
  }
  const double sum = std::accumulate(load.begin(), load.end(), 0.0);
  return *std::max_element(load.begin(), load.end()) * static_cast<double>(servers) / sum;
}

// Shards whose server is another one when one more server is in the list, over 1/N.
double MovedOverFair(const ReadWeights& keys, const ServersOf& before, const ServersOf& after,
                     size_t servers_after) {
  double moved = 0;
  double all = 0;
  for (const auto& [id, weight] : keys) {
    const std::vector<uint16_t> was = before(id);
    const std::vector<uint16_t> is = after(id);
    for (size_t i = 0; i < was.size(); ++i) moved += was[i] != is[i] ? 1 : 0;
    all += static_cast<double>(was.size());
  }
  return moved / all * static_cast<double>(servers_after);
}

struct SkewInput {
  ReadWeights keys;     // every chunk once
  ReadWeights popular;  // by how often the trace reads it
};

SkewInput MakeInput(const RunOptions& options) {
  SkewInput input;
  Catalog catalog({}, options.seed);
  const Zipf popularity(catalog.images(), kPopularityExponent);
  std::vector<double> reads(catalog.chunks().size(), 0);
  for (size_t rank = 0; rank < catalog.images(); ++rank) {
    // Which image has which rank does not matter here: images are dealt to families at random.
    const double share = popularity.ShareOfFirst(rank + 1) - popularity.ShareOfFirst(rank);
    for (const uint32_t chunk : catalog.image(rank)) reads[chunk] += share;
  }
  for (uint32_t chunk = 0; chunk < reads.size(); ++chunk) {
    input.keys.emplace_back(catalog.chunks().chunk(chunk).id(), 1);
    input.popular.emplace_back(catalog.chunks().chunk(chunk).id(), reads[chunk]);
  }
  // Enough keys that chance is not what is measured: the shares of the key space itself.
  ChunkPool more(options.seed + 1);
  const size_t keys = options.Scaled(400'000);
  while (input.keys.size() < keys) input.keys.emplace_back(more.chunk(more.Make()).id(), 1);
  return input;
}

// Names of another list that keep their index: the new server sorts last.
std::vector<std::string> OneMore(std::vector<std::string> names) {
  names.push_back("10.9.9.9:11211");
  return names;
}

void AddRows(Table& table, const SkewInput& input, size_t servers, const cache::Code& code) {
  const std::vector<std::string> names = ServerNames(servers);
  const std::vector<std::string> more = OneMore(names);
  const auto add = [&](const std::string& name, const ServersOf& place, const ServersOf& after) {
    table.Add(absl::StrFormat("%d servers, %d+%d, %s", servers, code.k, code.r, name),
              {MaxOverMean(input.keys, servers, place), MaxOverMean(input.popular, servers, place),
               MovedOverFair(input.keys, place, after, servers + 1)});
  };
  for (const size_t points : {1, 20, 256}) {
    add(absl::StrFormat("ring of %d points", points), Plain(names, points, code),
        Plain(more, points, code));
  }
  add("bounded", Bounded(names, code), Bounded(more, code));
}

}  // namespace

Report RunSkew(const RunOptions& options) {
  Report report{"skew", options.seed, 0, options.scale};
  const SkewInput input = MakeInput(options);
  Table table{"Most loaded server over the mean, and shards moved by a join over 1/N",
              {"keys", "reads", "moved"}};
  AddRows(table, input, 6, {4, 1});
  AddRows(table, input, 20, {1, 0});
  AddRows(table, input, 20, {4, 1});
  AddRows(table, input, 100, {1, 0});
  AddRows(table, input, 100, {4, 1});
  AddRows(table, input, 100, {10, 2});
  report.tables = {table};
  return report;
}

}  // namespace floe::sim
