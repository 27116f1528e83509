// SPDX-License-Identifier: Apache-2.0
// Kernel calls that may sleep beyond the reach of SIGKILL (mount, umount, lookup on FUSE), made in
// a forked child so that this process never does.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe::mount {

// What the work leaves behind: plain memory, because it crosses the process border as bytes.
struct ChildReport {
  int error = 0;  // errno, 0: done
  uint64_t value = 0;
  char step[64] = {};    // the call that failed
  char words[256] = {};  // what the kernel said about it
  // Records errno and the call that gave it.
  void Fail(const char* failed_step);
  // "<what>: <step>: <errno> (<words>)"; not for the child, it allocates.
  absl::Status ToStatus(const std::string& what) const;
};

struct ChildResult {
  ChildReport report;
  UniqueFd descriptor;  // what the work handed out, if anything
};

// Runs `work` in a child of this process; `descriptor` may be set to one that the caller is to get.
// In the child there are no threads and no descriptors but 0..2, `keep` and the report's channel,
// and memory is a copy: `work` may make system calls but must not allocate, lock or log.
//
// At `deadline` the child is killed and, if it cannot die at once, left to die later:
// DEADLINE_EXCEEDED, and nothing that it still does can reach us. What the work itself failed at is
// in the result's report. Thread safe.
absl::StatusOr<ChildResult> RunInChild(
    const std::string& what, const std::vector<int>& keep,
    const std::function<void(ChildReport& report, int& descriptor)>& work, SteadyTime deadline);

// Children that were killed and have not died yet, after reaping those that have. Each RunInChild
// reaps too.
size_t ReapAbandonedChildren();

}  // namespace floe::mount
