// SPDX-License-Identifier: Apache-2.0
// The steps from a manifest to an attached mount, and back. Knows nothing of holders and keeps no
// table: mount/image_mounter.h does.
#pragma once

#include <atomic>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "mount/daemon_supervisor.h"
#include "mount/fusefs_client.h"
#include "mount/idmap.h"
#include "mount/mount_record.h"

namespace floe::mount {

// Thread safe; calls for different records do not wait for each other.
class MountMaker {
 public:
  // `daemons` must outlive the maker.
  MountMaker(std::string directory, Backend backend, uint32_t cold_readahead_kib,
             uint64_t next_number, DaemonSupervisor& daemons);

  struct Image {
    std::string manifest_path;
    std::string key;
    std::string label;
    MayRefuse may_refuse = MayRefuse::kNo;
  };
  // floe-fusefs serves the manifest, EROFS is mounted on it and attached under a new number.
  // Nothing is left on failure.
  absl::StatusOr<MountRecord> Make(const Image& image, SteadyTime deadline);
  // An idmapped clone of `plain` under a number of its own.
  absl::StatusOr<MountRecord> Clone(const MountRecord& plain, const IdMapping& mapping,
                                    SteadyTime deadline);
  // Unmounts; then, but for clones, floe-fusefs is told to stop serving. Repeatable.
  absl::Status Unmake(const MountRecord& record, SteadyTime deadline);
  // OK while `record` is mounted and its connection is the living one.
  absl::Status Check(const MountRecord& record) const;

  Backend backend() const { return backend_; }
  DaemonSupervisor& daemons() const { return daemons_; }

 private:
  MountRecord NewRecord(const std::string& key);
  absl::Status Attach(const MountRecord& record, int mount);
  absl::StatusOr<ErofsMount> Mount(const FuseMount& fuse, const Image& image,
                                   const std::string& name, SteadyTime deadline);

  const std::string directory_;
  const Backend backend_;
  const uint32_t cold_readahead_kib_;
  std::atomic<uint64_t> next_number_;
  DaemonSupervisor& daemons_;
};

}  // namespace floe::mount
