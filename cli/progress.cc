// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/format.h"

namespace floe::cli {
namespace {

using converter::ProgressUpdate;
using converter::Stage;

constexpr std::chrono::milliseconds kBarInterval{100};
constexpr std::chrono::seconds kLineInterval{10};
constexpr int kBarWidth = 24;

const char* StageName(Stage stage) { return stage == Stage::kRead ? "read" : "store"; }

std::string Bar(double share) {
  const int filled = static_cast<int>(share * kBarWidth);
  std::string bar(static_cast<size_t>(filled), '=');
  if (filled < kBarWidth) bar += '>';
  bar.resize(kBarWidth, ' ');
  return absl::StrCat("[", bar, "] ");
}

}  // namespace

ProgressDisplay::ProgressDisplay(ProgressStyle style, std::ostream& out, Clock& clock)
    : style_(style), out_(out), clock_(clock) {}

ProgressDisplay::~ProgressDisplay() { Finish(); }

void ProgressDisplay::Update(const ProgressUpdate& update) {
  if (style_ == ProgressStyle::kNone) return;
  MutexLock lock(mutex_);
  const bool new_stage = !started_ || shown_.stage != update.stage || shown_.image != update.image;
  if (new_stage) BeginStage(update);
  const bool complete = update.done >= update.total;
  const auto interval = style_ == ProgressStyle::kBar ? std::chrono::milliseconds(kBarInterval)
                                                      : std::chrono::milliseconds(kLineInterval);
  const SteadyTime now = clock_.Now();
  // Workers overtake each other: an update from the past says nothing.
  const bool news = complete ? shown_.done < update.done : now - shown_at_ >= interval;
  if (!news || update.done < shown_.done) return;
  shown_ = update;
  shown_at_ = now;
  if (style_ == ProgressStyle::kLines) {
    out_ << Line(update) << "\n" << std::flush;
    return;
  }
  out_ << "\r\x1b[K" << Line(update) << std::flush;
  bar_open_ = true;
  if (complete) EndBarLocked();
}

void ProgressDisplay::BeginStage(const ProgressUpdate& update) {
  EndBarLocked();
  started_ = true;
  stage_start_ = shown_at_ = clock_.Now();
  shown_ = update;
  shown_.done = 0;
}

std::string ProgressDisplay::Line(const ProgressUpdate& update) const {
  const double share =
      update.total == 0
          ? 1.0
          : std::min(1.0, static_cast<double>(update.done) / static_cast<double>(update.total));
  const double seconds =
      std::max(1e-3, std::chrono::duration<double>(clock_.Now() - stage_start_).count());
  const double rate = static_cast<double>(update.done) / seconds;
  std::string line =
      absl::StrFormat("%-5s %s %3.0f %% ", StageName(update.stage), update.image, 100 * share);
  if (style_ == ProgressStyle::kBar) line += Bar(share);
  absl::StrAppend(&line, FormatBytes(update.done), " of ", FormatBytes(update.total), ", ",
                  FormatRate(rate));
  if (share < 1 && rate > 0) {
    const double left = static_cast<double>(update.total - update.done) / rate;
    absl::StrAppend(&line, ", ", FormatDuration(std::chrono::seconds(std::llround(left))), " left");
  }
  return line;
}

void ProgressDisplay::Finish() {
  MutexLock lock(mutex_);
  EndBarLocked();
}

void ProgressDisplay::EndBarLocked() {
  if (bar_open_) out_ << "\n" << std::flush;
  bar_open_ = false;
}

}  // namespace floe::cli
