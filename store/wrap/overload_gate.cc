// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/overload_gate.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace floe::store {
namespace {

std::chrono::milliseconds WaitOf(const LimiterLoad& load) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(load.longest_wait);
}

}  // namespace

OverloadGate::OverloadGate(std::string name, std::shared_ptr<RequestLimiter> limiter,
                           const OverloadOptions& options, OverloadCounters counters)
    : name_(std::move(name)),
      limiter_(std::move(limiter)),
      options_(options),
      counters_(counters) {}

bool OverloadGate::Update(const LimiterLoad& load) {
  bool full;
  {
    MutexLock lock(mutex_);
    // Half a way back: a queue that dances around its limit must not open and close for each start.
    const size_t divisor = full_ ? 2 : 1;
    full = load.urgent > options_.queued / divisor || WaitOf(load) > options_.wait / divisor;
    if (std::exchange(full_, full) == full) return full;
  }
  if (counters_.full != nullptr) counters_.full->Set(full ? 1 : 0);
  Log(full ? LogLevel::kWarning : LogLevel::kInfo,
      full ? "the origin cannot keep up: no new container that needs it is started"
           : "the origin has caught up: new containers are started again",
      {{"origin", name_},
       {"waiting", load.urgent},
       {"longest_wait_ms", WaitOf(load).count()},
       {"under_way", load.in_flight},
       {"limit", load.limit}});
  return full;
}

absl::Status OverloadGate::Admit() {
  const LimiterLoad load = limiter_->load();
  if (!Update(load)) return absl::OkStatus();
  AddTo(counters_.refused);
  return absl::UnavailableError(absl::StrCat(
      "not started, because the origin ", name_, " cannot keep up: ", load.urgent,
      " reads wait for it, the first for ", WaitOf(load).count(),
      " ms, and what runs goes first; start it again in a while, or give the origin more capacity "
      "(or this node more of it: [tiers] origin_requests)"));
}

void OverloadGate::Look() { Update(limiter_->load()); }

bool OverloadGate::full() const {
  MutexLock lock(mutex_);
  return full_;
}

}  // namespace floe::store
