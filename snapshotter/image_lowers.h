// SPDX-License-Identifier: Apache-2.0
// The real LowerProvider: floe-keeper and floe-fusefs started or adopted, images mounted by
// mount::ImageMounter, clones for user namespaces.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "mount/daemon_supervisor.h"
#include "mount/image_mounter.h"
#include "snapshotter/lower_provider.h"
#include "snapshotter/mapped_layers.h"

namespace floe::snapshotter {

struct ImageLowersOptions {
  std::string root = "/var/lib/floe";  // the snapshotter's
  mount::SupervisorOptions daemons;
  mount::MounterOptions mounter;  // its root is set to ours
};

// Thread safe. The daemons start with the first call of Start(), or with the first image: a node
// without floe images needs none, and ordinary images go on when they cannot start.
class ImageLowers : public LowerProvider {
 public:
  explicit ImageLowers(ImageLowersOptions options);
  ~ImageLowers() override;

  // Starts or adopts the daemons and takes over what is mounted. OK when that is done already; may
  // be called again after an error. Others who need the daemons wait for it.
  absl::Status Start() FLOE_EXCLUDES(start_mutex_);
  // Unmounts everything and ends the daemons, adopting what runs. Containers get errors afterwards.
  absl::Status Shutdown(SteadyTime deadline) FLOE_EXCLUDES(start_mutex_);

  absl::StatusOr<std::string> Acquire(const LowerRequest& request) override;
  absl::Status Release(const std::string& holder) override FLOE_EXCLUDES(start_mutex_);
  absl::Status Recover(const std::vector<LowerRequest>& held) override FLOE_EXCLUDES(start_mutex_);

  // What is mounted; empty while the data plane does not run.
  std::vector<mount::MountInfo> Mounted() FLOE_EXCLUDES(start_mutex_);

 private:
  absl::Status StartLocked() FLOE_REQUIRES(start_mutex_);
  // Makes the holders from before a restart hold again what is still mounted.
  absl::Status HoldAgain(mount::ImageMounter& mounter) FLOE_REQUIRES(start_mutex_);
  absl::StatusOr<mount::ImageMounter*> Mounter() FLOE_EXCLUDES(start_mutex_);
  mount::MountRequest ToMountRequest(const LowerRequest& request) const;

  const ImageLowersOptions options_;
  MappedLayers mapped_;
  Mutex start_mutex_;
  std::vector<LowerRequest> held_before_ FLOE_GUARDED_BY(start_mutex_);
  std::unique_ptr<mount::DaemonSupervisor> daemons_ FLOE_GUARDED_BY(start_mutex_);
  // Set once; used without the lock.
  std::unique_ptr<mount::ImageMounter> mounter_ FLOE_GUARDED_BY(start_mutex_);
};

}  // namespace floe::snapshotter
