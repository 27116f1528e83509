// SPDX-License-Identifier: Apache-2.0
// Starts floe-keeper and floe-fusefs, or adopts those that run already, and starts them again when
// they die, or when floe-fusefs hangs. Both outlive this process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "mount/fuse_mount.h"
#include "mount/fusefs_client.h"

namespace floe::mount {

struct SupervisorOptions {
  // Holds keeper.sock, fusefs.sock and supervisor.lock; made with mode 0711 when missing.
  std::string runtime_dir = "/run/floe";
  std::string keeper_program;  // empty: floe-keeper beside the running program, else in PATH
  std::string fusefs_program;  // empty: floe-fusefs likewise
  // Put before our own flags (--socket; --control, --keeper).
  std::vector<std::string> keeper_arguments;
  std::vector<std::string> fusefs_arguments;
  // Standard output and error of the daemons are appended here; empty: they inherit ours.
  std::string log_file;
  // How long a started daemon may take to listen.
  std::chrono::milliseconds start_timeout{15000};
  // Pause before the second start in a row, doubled for each further one; a daemon that lived for
  // ten times `longest_pause` starts from the beginning.
  std::chrono::milliseconds first_pause{100};
  std::chrono::milliseconds longest_pause{5000};
  // floe-fusefs is asked for a sign of life this often, and killed and started again when it has
  // given none for `ping_patience` (stopped, or stuck: readers would wait for ever). Long, for a
  // machine may be very busy: what is killed in vain loses what it had in memory.
  std::chrono::milliseconds ping_interval{5000};
  std::chrono::milliseconds ping_patience{15000};
  // Starts a running floe-fusefs of another version anew (containers wait for it, no read fails).
  bool replace_other_version = true;
};

struct DaemonState {
  pid_t pid = -1;  // -1: not running
  bool adopted = false;
  uint32_t restarts = 0;   // by us, since Start
  std::string last_error;  // of the last failed start; empty when it runs
};

// Thread safe. One at a time for a runtime directory (FAILED_PRECONDITION for the second).
class DaemonSupervisor {
 public:
  // Returns when both daemons answer and fusefs serves the FUSE connection.
  static absl::StatusOr<std::unique_ptr<DaemonSupervisor>> Start(SupervisorOptions options);
  // Stops watching; the daemons and everything mounted run on.
  virtual ~DaemonSupervisor() = default;

  // Ends everything: floe-fusefs, the FUSE connection, floe-keeper, sockets. Unmount first
  // (ImageMounter::UnmountAll), else readers get errors. DEADLINE_EXCEEDED after killing what did
  // not end in time. Nothing but the destructor may be called afterwards.
  virtual absl::Status Shutdown(SteadyTime deadline) = 0;

  virtual const FusefsClient& fusefs() const = 0;
  // The connection in use. A new one only after keeper and fusefs both died: then every mount on
  // the old one is dead.
  virtual std::shared_ptr<const FuseMount> fuse() const = 0;
  virtual DaemonState keeper_state() const = 0;
  virtual DaemonState fusefs_state() const = 0;
};

}  // namespace floe::mount
