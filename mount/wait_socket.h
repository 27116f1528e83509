// SPDX-License-Identifier: Apache-2.0
// Waiting for a daemon to listen.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe::mount {

// Connects to the SOCK_SEQPACKET socket at `path`, waiting until somebody listens there.
// UNAVAILABLE at the deadline, or as soon as one of `interrupts` (pidfds, events; borrowed) is
// readable.
absl::StatusOr<UniqueFd> ConnectWhenServed(const std::string& path,
                                           const std::vector<int>& interrupts, SteadyTime deadline);

}  // namespace floe::mount
