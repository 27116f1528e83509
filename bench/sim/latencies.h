// SPDX-License-Identifier: Apache-2.0
// All latencies of a run, exactly.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "bench/sim/loop.h"

namespace floe::sim {

class Latencies {
 public:
  void Add(Duration d) {
    seconds_.push_back(Seconds(d));
    sorted_ = false;
  }
  size_t count() const { return seconds_.size(); }
  double total() const {
    double sum = 0;
    for (const double s : seconds_) sum += s;
    return sum;
  }
  // Milliseconds within which `share` of them lie; 0 when there are none.
  double Millis(double share) {
    if (seconds_.empty()) return 0;
    if (!sorted_) std::sort(seconds_.begin(), seconds_.end());
    sorted_ = true;
    const auto last = static_cast<double>(seconds_.size() - 1);
    return seconds_[static_cast<size_t>(share * last + 0.5)] * 1e3;
  }
  void Clear() { seconds_.clear(); }

 private:
  std::vector<double> seconds_;
  bool sorted_ = false;
};

}  // namespace floe::sim
