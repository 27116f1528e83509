// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/starts.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "bench/sim/constants.h"

namespace floe::sim {
namespace {

struct RunningStart : std::enable_shared_from_this<RunningStart> {
  Cluster& cluster;
  size_t node;
  StartChunks chunks;
  std::function<void(bool)> done;
  size_t next = 0;
  size_t under_way = 0;
  bool failed = false;

  RunningStart(Cluster& in, size_t on, StartChunks what, std::function<void(bool)> then)
      : cluster(in), node(on), chunks(std::move(what)), done(std::move(then)) {}

  void ReadOne() {
    if (failed || next >= chunks.size()) {
      if (under_way == 0 && done) std::exchange(done, nullptr)(!failed);
      return;
    }
    ++under_way;
    cluster.Read(node, chunks[next++], store::RequestClass::kStart,
                 [self = shared_from_this()](bool ok) {
                   --self->under_way;
                   if (!ok) self->failed = true;
                   self->ReadOne();
                 });
  }
};

constexpr double kCronPeriodSeconds = 60;

}  // namespace

void RunStart(Cluster& cluster, size_t node, const StartChunks& chunks, size_t window,
              std::function<void(bool ok)> done) {
  const auto start = std::make_shared<RunningStart>(cluster, node, chunks, std::move(done));
  for (size_t i = 0; i < std::max<size_t>(window, 1); ++i) start->ReadOne();
}

Trace::Trace(Cluster& cluster, Catalog& catalog, const TraceOptions& options, Random random)
    : cluster_(cluster),
      catalog_(catalog),
      options_(options),
      random_(random),
      by_rank_(catalog.images()),
      popularity_(catalog.images(), kPopularityExponent) {
  std::iota(by_rank_.begin(), by_rank_.end(), 0);
  for (size_t i = by_rank_.size(); i > 1; --i) {
    std::swap(by_rank_[i - 1], by_rank_[random_.Below(i)]);
  }
}

void Trace::Play(size_t starts) {
  left_ = starts;
  Arrive();
  cluster_.loop().RunToEnd();
}

size_t Trace::PickImage() {
  ++arrivals_;
  if (options_.arrivals_an_upload > 0 && arrivals_ % options_.arrivals_an_upload == 0) {
    // A new image takes the place of a random rank, and is started at once.
    const size_t image = catalog_.Upload(random_);
    by_rank_[random_.Below(by_rank_.size())] = static_cast<uint32_t>(image);
    return image;
  }
  return by_rank_[popularity_.Sample(random_)];
}

void Trace::Arrive() {
  if (left_ == 0) return;
  if (random_.Uniform() < options_.cron_share) {
    const double now = Seconds(cluster_.loop().elapsed());
    const double wait = kCronPeriodSeconds - std::fmod(now, kCronPeriodSeconds);
    --left_;
    const uint32_t image = by_rank_[random_.Below(by_rank_.size())];
    cluster_.loop().RunAfter(FromSeconds(wait), [this, image] { Start(image); });
  } else {
    const bool burst = random_.Uniform() < options_.burst_share;
    const size_t starts = std::min(left_, burst ? options_.burst_starts : size_t{1});
    const size_t image = PickImage();
    left_ -= starts;
    for (size_t i = 0; i < starts; ++i) Start(image);
  }
  cluster_.loop().RunAfter(FromSeconds(random_.Exponential(1 / options_.starts_per_second)),
                           [this] { Arrive(); });
}

void Trace::Start(size_t image) {
  ++counts_.starts;
  RunStart(cluster_, random_.Below(cluster_.nodes()), catalog_.image(image), options_.window,
           [this](bool ok) { ++(ok ? counts_.ok : counts_.failed); });
}

}  // namespace floe::sim
