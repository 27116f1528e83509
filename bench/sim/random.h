// SPDX-License-Identifier: Apache-2.0
// Random numbers that are the same in every build: the standard library's distributions are not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace floe::sim {

// Mixes 64 bits so that neighbours share nothing (the finalizer of SplitMix64).
uint64_t Mix(uint64_t x);

// SplitMix64. Cheap to make: each simulated part has its own, so that one part's draws do not
// change another's.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(Mix(seed)) {}
  // A generator of its own for part number `part`.
  // The constant keeps part a of seed b from being part b of seed a.
  Random Fork(uint64_t part) const {
    return Random(Mix(state_ ^ 0x6a09e667f3bcc909ULL) + Mix(part + 1));
  }

  uint64_t Next();
  double Uniform();                 // [0, 1)
  size_t Below(size_t n);           // [0, n), n > 0
  double Exponential(double mean);  // gaps of a Poisson process

 private:
  uint64_t state_;
};

// Ranks by weight 1/(rank+1)^exponent. Sampling is a binary search.
class Zipf {
 public:
  Zipf(size_t count, double exponent);
  size_t Sample(Random& random) const;
  // The share of draws that fall on the first `count` ranks.
  double ShareOfFirst(size_t count) const;

 private:
  std::vector<double> cumulative_;
};

// A distribution given by some of its quantiles, as papers print them: (share, value) ascending in
// both, straight lines in between on a logarithmic scale of the value. Beyond the last point a
// power law through the last two, cut at `most`.
class Quantiles {
 public:
  using Point = std::pair<double, double>;

  Quantiles(std::vector<Point> points, double most);
  double At(double share) const;
  double Sample(Random& random) const { return At(random.Uniform()); }
  // The same shape, every value times `by`.
  Quantiles Scaled(double by) const;

 private:
  std::vector<Point> points_;
  double most_;
};

}  // namespace floe::sim
