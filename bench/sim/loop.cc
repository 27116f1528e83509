// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/loop.h"

#include <algorithm>

namespace floe::sim {

SystemTime Loop::WallNow() {
  return SystemTime{} + std::chrono::hours(500'000) +
         std::chrono::duration_cast<SystemTime::duration>(elapsed());
}

Timer::Id Loop::RunAt(SteadyTime when, std::function<void()> work) {
  const Id id = next_++;
  if (when == kNoDeadline) return id;  // never runs, so nobody needs to keep it
  due_.push_back({std::max(when, now_), id});
  std::push_heap(due_.begin(), due_.end());
  work_.emplace(id, std::move(work));
  return id;
}

bool Loop::Cancel(Id id) {
  const auto found = work_.find(id);
  if (found == work_.end()) return false;
  const std::function<void()> dropped = std::move(found->second);  // may own anything: last to go
  work_.erase(found);
  return true;
}

bool Loop::RunOne(SteadyTime end) {
  while (!due_.empty() && due_.front().when <= end) {
    const Due next = due_.front();
    std::pop_heap(due_.begin(), due_.end());
    due_.pop_back();
    const auto found = work_.find(next.id);
    if (found == work_.end()) continue;  // cancelled
    const std::function<void()> work = std::move(found->second);
    work_.erase(found);
    now_ = next.when;
    ++events_;
    work();
    return true;
  }
  return false;
}

void Loop::RunUntil(SteadyTime end) {
  while (RunOne(end)) {
  }
  now_ = std::max(now_, end);
}

void Loop::RunToEnd() {
  while (RunOne(kNoDeadline)) {
  }
}

}  // namespace floe::sim
