// SPDX-License-Identifier: Apache-2.0
// The simulated time: one queue of events that is timer, clock and executor of the client code.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/timer.h"

namespace floe::sim {

using Duration = std::chrono::nanoseconds;

inline double Seconds(Duration d) { return std::chrono::duration<double>(d).count(); }
inline Duration FromSeconds(double s) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
}
inline Duration FromMillis(double ms) { return FromSeconds(ms / 1e3); }

// Single thread: whatever runs, runs inside RunUntil or RunToEnd. Events of the same time run in
// the order in which they were made, so a run is a pure function of its seed. Time begins long
// after the machine's clock, as ManualTimer's does and for the same reason.
class Loop final : public Timer, public Clock, public Executor {
 public:
  SteadyTime Now() override { return now_; }
  SystemTime WallNow() override;
  Id RunAt(SteadyTime when, std::function<void()> work) override;
  bool Cancel(Id id) override;
  // Runs `work` now, after the event that is running.
  void Run(std::function<void()> work) override { RunAt(now_, std::move(work)); }
  Id RunAfter(Duration wait, std::function<void()> work) {
    return RunAt(now_ + wait, std::move(work));
  }

  // Runs what is due until `end`, and stands at `end` then.
  void RunUntil(SteadyTime end);
  // Runs until nothing waits: every request of a simulation is answered then.
  void RunToEnd();

  Duration elapsed() const { return now_ - kBegin; }
  uint64_t events() const { return events_; }
  size_t pending() const { return work_.size(); }

 private:
  struct Due {
    SteadyTime when;
    Id id;
    bool operator<(const Due& other) const {  // the earliest on top of a max-heap
      return when != other.when ? when > other.when : id > other.id;
    }
  };
  bool RunOne(SteadyTime end);

  static constexpr SteadyTime kBegin{std::chrono::hours(1'000'000)};
  SteadyTime now_ = kBegin;
  Id next_ = 1;
  uint64_t events_ = 0;
  std::vector<Due> due_;  // a heap; cancelled ones stay until they are due
  std::unordered_map<Id, std::function<void()>> work_;
};

}  // namespace floe::sim
