// SPDX-License-Identifier: Apache-2.0
// One EROFS mount for each manifest, shared by all who hold it. What the snapshotter and `floe
// mount` put under their overlays and binds.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "mount/daemon_supervisor.h"
#include "mount/erofs_mount.h"
#include "mount/fusefs_client.h"
#include "mount/idmap.h"

namespace floe::mount {

struct MounterOptions {
  std::string root = "/var/lib/floe";  // mounts appear as <root>/mounts/<n>; 0700
  // Empty: what the start-up probe finds to be sound on this kernel.
  std::optional<Backend> backend;
  // Readahead of a mount in KiB: while chunks of the image are missing on this node (a random start
  // then fetches less), and once all are local (long requests are cheaper).
  uint32_t cold_readahead_kib = 32;
  uint32_t local_readahead_kib = 1024;
  // How often cold mounts are looked at; 0: only by RefreshReadahead().
  std::chrono::milliseconds refresh_interval{2000};
};

struct MountRequest {
  std::string manifest_path;  // read during the call only
  std::string key;            // names the manifest: equal keys share one mount; [0-9a-zA-Z:._-]+
  std::string label;          // what logs and metrics call the image
  // Who needs the mount: any string without line breaks; a holder counts once however often it
  // asks.
  std::string holder;
  SteadyTime deadline = kNoDeadline;  // kNoDeadline: 60 s
  // Of a new container: what is not mounted yet may be refused (UNAVAILABLE) while the origin
  // cannot keep up with what runs.
  MayRefuse may_refuse = MayRefuse::kNo;
};

struct MountInfo {
  std::string key;
  std::string path;
  std::string name;     // of the file that floe-fusefs serves
  std::string mapping;  // empty, or FormatIdMapping() of a clone
  Backend backend = Backend::kFile;
  std::vector<std::string> holders;
};

// Thread safe. No lock is held while the kernel or a daemon is waited for; calls for one key wait
// for each other until their own deadline, calls for different keys do not.
//
// Codes: FAILED_PRECONDITION (manifest damaged, foreign, untrusted, too new: floe-fusefs' text
// verbatim, for the user's eyes), UNAVAILABLE and DEADLINE_EXCEEDED (try again), INVALID_ARGUMENT,
// NOT_FOUND (the manifest file).
class ImageMounter {
 public:
  // Takes over what an earlier process left mounted below `root` if its connection still lives, and
  // clears away what is dead. `daemons` must outlive the mounter.
  static absl::StatusOr<std::unique_ptr<ImageMounter>> Create(MounterOptions options,
                                                              DaemonSupervisor& daemons);
  // Stops the refresh; everything stays mounted.
  virtual ~ImageMounter() = default;

  // Makes `request.holder` a holder of the mount of `request.key` and returns its mount point.
  // Mounts if there is no living mount yet (also after a reboot); on failure the holder holds
  // nothing new.
  virtual absl::StatusOr<std::string> Mount(const MountRequest& request) = 0;
  // The same for an idmapped clone of that mount; the plain mount is made first if need be.
  virtual absl::StatusOr<std::string> MountIdmapped(const MountRequest& request,
                                                    const IdMapping& mapping) = 0;
  // `holder` holds nothing of `key` any more, neither mount nor clones; what nobody holds is
  // unmounted. Overlays that stand on it go on: floe-fusefs serves until the kernel lets the file
  // go. Unknown keys and holders are fine.
  virtual absl::Status Release(const std::string& key, const std::string& holder,
                               SteadyTime deadline) = 0;
  // After a restart: unmounts what was taken over and has got no holder since.
  virtual absl::Status DropUnheld(SteadyTime deadline) = 0;
  // Unmounts everything (before DaemonSupervisor::Shutdown).
  virtual absl::Status UnmountAll(SteadyTime deadline) = 0;

  // OK while the mount of `key` is there and on the living connection; NOT_FOUND, or
  // FAILED_PRECONDITION when Mount() would have to mount again.
  virtual absl::Status CheckAlive(const std::string& key) const = 0;
  virtual std::vector<MountInfo> List() const = 0;
  // Gives mounts whose image is wholly local the long readahead.
  virtual absl::Status RefreshReadahead() = 0;
  virtual Backend backend() const = 0;
};

}  // namespace floe::mount
