// SPDX-License-Identifier: Apache-2.0
// The start-up probe: is the file back end sound on this kernel? Some kernels from 6.12 on turn a
// failed or short read of the file below into zeros that look like data, for all containers. So a
// tiny image is mounted over a private FUSE connection that answers too little, and the reader must
// see an error.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "mount/erofs_mount.h"

namespace floe::mount {

struct ProbeResult {
  Backend backend = Backend::kFile;
  std::string reason;  // one sentence for the log
};

// What came of reading the probe's file over `backend` with answers that are cut short.
enum class ShortReadEffect {
  kError,    // the reader saw EIO: sound
  kZeros,    // the reader saw zeros: never use
  kCorrect,  // the kernel asked again and got the data: sound
};
absl::StatusOr<ShortReadEffect> ProbeShortReads(Backend backend, SteadyTime deadline);

// Chooses the back end. FAILED_PRECONDITION when neither can be used here. Leaves nothing behind.
absl::StatusOr<ProbeResult> ChooseBackend(SteadyTime deadline);

}  // namespace floe::mount
