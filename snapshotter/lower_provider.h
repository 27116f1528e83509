// SPDX-License-Identifier: Apache-2.0
// What the snapshotter needs of mounted images: directories to put under an overlay. The real one
// is ImageLowers (mount/); tests have their own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "mount/idmap.h"

namespace floe::snapshotter {

struct LowerRequest {
  // Name of the file in manifests/; equal names share one mount. Empty: the directory of ordinary
  // layers (snapshots/), which then needs a mapping.
  std::string manifest;
  std::string label;                        // what logs call the image
  std::string holder;                       // who needs it; counts once however often it asks
  std::optional<mount::IdMapping> mapping;  // seen through it; none: as it is
  SteadyTime deadline = kNoDeadline;
  bool may_refuse = false;  // for a new container: not while the origin cannot keep up
};

// Thread safe. Errors as the user shall see them: FAILED_PRECONDITION (the image cannot be used
// here; reason and remedy), UNAVAILABLE (try again).
class LowerProvider {
 public:
  virtual ~LowerProvider() = default;

  // A directory that shows what was asked for, alive when this returns: mounted now if it was not.
  virtual absl::StatusOr<std::string> Acquire(const LowerRequest& request) = 0;
  // The holder needs nothing any more. Unknown holders are fine.
  virtual absl::Status Release(const std::string& holder) = 0;
  // Once, before the first call of Acquire: what may be held since an earlier process. What is not
  // mounted any more stays so until it is acquired.
  virtual absl::Status Recover(const std::vector<LowerRequest>& held) = 0;
};

}  // namespace floe::snapshotter
