// SPDX-License-Identifier: Apache-2.0
// Progress of a conversion for people: a bar on a terminal, a plain line now and then in a log.
#pragma once

#include <ostream>

#include "base/clock.h"
#include "base/mutex.h"
#include "converter/progress.h"

namespace floe::cli {

enum class ProgressStyle { kNone, kBar, kLines };

// Thread safe.
class ProgressDisplay : public converter::ProgressListener {
 public:
  // `out` and `clock` are borrowed.
  ProgressDisplay(ProgressStyle style, std::ostream& out, Clock& clock = Clock::Real());
  // Ends the bar's line.
  ~ProgressDisplay() override;

  void Update(const converter::ProgressUpdate& update) override FLOE_EXCLUDES(mutex_);
  // Ends the bar's line, so that other words can follow.
  void Finish() FLOE_EXCLUDES(mutex_);

 private:
  std::string Line(const converter::ProgressUpdate& update) const FLOE_REQUIRES(mutex_);
  void BeginStage(const converter::ProgressUpdate& update) FLOE_REQUIRES(mutex_);
  void EndBarLocked() FLOE_REQUIRES(mutex_);

  const ProgressStyle style_;
  std::ostream& out_;
  Clock& clock_;
  mutable Mutex mutex_;
  bool started_ FLOE_GUARDED_BY(mutex_) = false;
  bool bar_open_ FLOE_GUARDED_BY(mutex_) = false;
  converter::ProgressUpdate shown_ FLOE_GUARDED_BY(mutex_);
  SteadyTime stage_start_ FLOE_GUARDED_BY(mutex_);
  SteadyTime shown_at_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::cli
