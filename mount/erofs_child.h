// SPDX-License-Identifier: Apache-2.0
// The part of an EROFS mount that runs in a child (mount/child.h): system calls only, nothing that
// allocates. Shared by the mounts and the start-up probe.
#pragma once

#include <cstdint>

#include "mount/child.h"

namespace floe::mount {

// A detached EROFS mount of `source` (image file or block device); -1 with the report filled.
int MakeErofs(const char* source, ChildReport& report);

// A read-only loop device over `file` (an open descriptor), which frees itself when its last user
// goes; direct I/O and 4096-byte blocks where the kernel agrees. The device's descriptor, which
// must stay open until the mount is made, and N of /dev/loopN; -1 with the report filled.
int AttachLoop(int file, uint32_t& number, ChildReport& report);

}  // namespace floe::mount
