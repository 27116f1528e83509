// SPDX-License-Identifier: Apache-2.0
// Taking over the mounts of an earlier process.
#pragma once

#include <vector>

#include "mount/mount_maker.h"
#include "mount/mount_record.h"

namespace floe::mount {

// Of what `found` names, the mounts that live: mounted, on the connection in use, and served. All
// else is unmounted and removed, and floe-fusefs is told to close whatever no living mount needs
// (also what was opened by a process that died before it could write a record).
absl::StatusOr<std::vector<MountRecord>> AdoptMounts(const FoundMounts& found, MountMaker& maker,
                                                     SteadyTime deadline);

}  // namespace floe::mount
