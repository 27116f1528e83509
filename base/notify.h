// SPDX-License-Identifier: Apache-2.0
// systemd's readiness protocol, without its library.
#pragma once

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace floe {

// Sends `state` ("READY=1", "STOPPING=1") to the socket named by $NOTIFY_SOCKET; OK when there is
// none.
absl::Status NotifyServiceManager(absl::string_view state);

}  // namespace floe
