// SPDX-License-Identifier: Apache-2.0
// The directory of ordinary layers seen through id mappings: one idmapped clone for each mapping in
// use, shared by all snapshots that need it.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "mount/idmap.h"

namespace floe::snapshotter {

// Thread safe. The mutex is held while a clone is made: that waits for a fork, never for a network.
class MappedLayers {
 public:
  // Clones of `layers` are attached below `directory`.
  MappedLayers(std::string layers, std::string directory)
      : layers_(std::move(layers)), directory_(std::move(directory)) {}

  // Where `layers` is seen through `mapping`. FAILED_PRECONDITION where the kernel cannot.
  absl::StatusOr<std::string> Acquire(const mount::IdMapping& mapping, const std::string& holder,
                                      SteadyTime deadline) FLOE_EXCLUDES(mutex_);
  // Detaches the clones that only `holder` held. Overlays on them go on.
  absl::Status Release(const std::string& holder) FLOE_EXCLUDES(mutex_);
  // After a restart: takes over a clone that is still attached; does nothing when it is not.
  absl::Status Recover(const mount::IdMapping& mapping, const std::string& holder)
      FLOE_EXCLUDES(mutex_);
  // Detaches every clone below `directory` that nobody holds (Keep::kHeld) or every one.
  enum class Keep { kHeld, kNothing };
  absl::Status Detach(Keep keep) FLOE_EXCLUDES(mutex_);

 private:
  std::string PathFor(const mount::IdMapping& mapping) const;

  const std::string layers_;
  const std::string directory_;
  Mutex mutex_;
  std::map<std::string, std::set<std::string>> holders_ FLOE_GUARDED_BY(mutex_);  // by path
};

}  // namespace floe::snapshotter
