// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/flatten.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>

#include "converter/flatten/flat_image.h"
#include "converter/flatten/layer_reader.h"
#include "converter/flatten/merge.h"

namespace floe::converter {
namespace {

// The largest first: it takes longest and must not begin when the others are done.
std::vector<size_t> BySize(const std::vector<LayerInput>& layers) {
  std::vector<size_t> order(layers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return layers[a].stored_bytes > layers[b].stored_bytes;
  });
  return order;
}

// Reads all layers, `threads` at a time; the first layer that failed by itself decides the error.
absl::StatusOr<std::vector<LayerResult>> ReadLayers(const std::vector<LayerInput>& layers,
                                                    const FlattenOptions& options,
                                                    FlattenTally& tally) {
  std::vector<absl::StatusOr<LayerResult>> results(layers.size());
  const std::vector<size_t> order = BySize(layers);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t turn = next++; turn < order.size(); turn = next++) {
      const size_t i = order[turn];
      results[i] = ReadLayer(layers[i], i == 0, options, tally);
      if (!results[i].ok()) tally.Stop();
    }
  };
  std::vector<std::thread> helpers;
  const size_t threads =
      std::min<size_t>(static_cast<size_t>(std::max(1, options.threads)), layers.size());
  for (size_t i = 1; i < threads; ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();

  absl::Status error;
  for (const absl::StatusOr<LayerResult>& result : results) {
    if (result.ok()) continue;
    if (error.ok() || (absl::IsCancelled(error) && !absl::IsCancelled(result.status()))) {
      error = result.status();
    }
  }
  FLOE_RETURN_IF_ERROR(error);
  std::vector<LayerResult> read;
  for (absl::StatusOr<LayerResult>& result : results) read.push_back(*std::move(result));
  return read;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FlatImage>> Flatten(std::vector<LayerInput> layers,
                                                   const FlattenOptions& options) {
  if (layers.empty()) {
    return absl::InvalidArgumentError("the image has no layers: there is nothing to flatten");
  }
  FlattenTally tally(options);
  FLOE_ASSIGN_OR_RETURN(std::vector<LayerResult> read, ReadLayers(layers, options, tally));
  std::vector<std::unique_ptr<LayerBuilder>> builders;
  std::vector<std::unique_ptr<Spool>> spools;
  std::vector<std::string> names;
  FlattenStats stats;
  for (size_t i = 0; i < layers.size(); ++i) {
    builders.push_back(std::move(read[i].builder));
    spools.push_back(std::move(read[i].spool));
    names.push_back(layers[i].name);
    if (options.strict) stats.diff_ids.push_back(read[i].diff_id);
  }
  FLOE_ASSIGN_OR_RETURN(erofs::Tree tree, MergeLayers(builders, names));
  builders.clear();
  FLOE_ASSIGN_OR_RETURN(erofs::ImagePlan plan, erofs::Plan(tree));
  stats.input = tally.progress();
  return MakeFlatImage(std::move(tree), std::move(plan), std::move(spools), std::move(stats),
                       options.cancel);
}

}  // namespace floe::converter
