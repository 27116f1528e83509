// SPDX-License-Identifier: Apache-2.0
// What the kernel is told for each status code: the only place in fusefs that chooses an errno.
#pragma once

#include "base/status.h"

namespace floe::fusefs {

// > 0. Never called with OK. A reader above EROFS sees EIO whatever it is; the distinction is for
// traces and for the file system's own operations (open, lookup).
int ErrnoOf(const absl::Status& status);

}  // namespace floe::fusefs
