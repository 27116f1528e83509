// SPDX-License-Identifier: Apache-2.0
// Is something on a file system that floe itself serves? A daemon whose program, cache or store
// lies there would wait for itself.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace floe::fusefs {

// FAILED_PRECONDITION, naming `what`, when `path` (or its nearest existing parent) is on floe's
// FUSE file system, on an EROFS mount made of one of its files, or on an overlay above such a
// mount.
absl::Status RefuseFloeMount(const std::string& path, absl::string_view what);

// The rule, on the text of /proc/self/mountinfo: does mount `id` belong to floe? For tests too.
bool IsFloeMount(absl::string_view mountinfo, uint64_t id);

}  // namespace floe::fusefs
