// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/random.h"

#include <algorithm>
#include <cmath>

namespace floe::sim {

uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

uint64_t Random::Next() { return Mix(state_ += 0x9e3779b97f4a7c15ULL); }

double Random::Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

size_t Random::Below(size_t n) {
  return std::min(n - 1, static_cast<size_t>(Uniform() * static_cast<double>(n)));
}

double Random::Exponential(double mean) { return -mean * std::log1p(-Uniform()); }

Zipf::Zipf(size_t count, double exponent) {
  cumulative_.reserve(count);
  double sum = 0;
  for (size_t rank = 0; rank < count; ++rank) {
    sum += std::pow(static_cast<double>(rank + 1), -exponent);
    cumulative_.push_back(sum);
  }
  for (double& value : cumulative_) value /= sum;
}

size_t Zipf::Sample(Random& random) const {
  const auto at = std::upper_bound(cumulative_.begin(), cumulative_.end(), random.Uniform());
  return std::min(cumulative_.size() - 1, static_cast<size_t>(at - cumulative_.begin()));
}

double Zipf::ShareOfFirst(size_t count) const {
  return count == 0 ? 0 : cumulative_[std::min(count, cumulative_.size()) - 1];
}

Quantiles::Quantiles(std::vector<Point> points, double most)
    : points_(std::move(points)), most_(most) {}

double Quantiles::At(double share) const {
  const auto above = std::upper_bound(points_.begin(), points_.end(), share,
                                      [](double s, const Point& p) { return s < p.first; });
  if (above == points_.begin()) return points_.front().second;
  const Point& low = *(above - 1);
  if (above != points_.end()) {
    const double part = (share - low.first) / (above->first - low.first);
    return low.second * std::pow(above->second / low.second, part);
  }
  if (points_.size() < 2 || low.first >= 1) return low.second;
  const Point& before = *(above - 2);
  const double power =
      std::log((1 - before.first) / (1 - low.first)) / std::log(low.second / before.second);
  return std::min(most_, low.second * std::pow((1 - low.first) / (1 - share), 1 / power));
}

Quantiles Quantiles::Scaled(double by) const {
  std::vector<Point> points = points_;
  for (Point& point : points) point.second *= by;
  return {std::move(points), most_ * by};
}

}  // namespace floe::sim
