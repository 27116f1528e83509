// SPDX-License-Identifier: Apache-2.0
// One daemon process known by its socket: started by us or found running.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe::mount {

struct DaemonSpec {
  std::string name;  // for errors and the log: "floe-keeper"
  std::string socket;
  std::vector<std::string> command;  // [0] is the program
  std::string log_file;              // appended to; empty: our standard output and error
  // Asks it over its socket whether it is ready; empty: one that listens is ready.
  std::function<absl::Status(SteadyTime deadline)> await_answer;
};

// A running daemon. The destructor leaves it running. Not thread safe.
class Daemon {
 public:
  // Whoever listens on the socket; UNAVAILABLE when nobody does.
  static absl::StatusOr<Daemon> Adopt(const DaemonSpec& spec);
  // Starts it in a session of its own and waits until it listens and is ready. When somebody else's
  // listens first, that one is adopted. UNAVAILABLE with exit code and last words when it ended,
  // DEADLINE_EXCEEDED (and it is killed) at the deadline. Once `interrupt` (borrowed; -1: none) is
  // readable it waits no longer.
  static absl::StatusOr<Daemon> Start(const DaemonSpec& spec, int interrupt, SteadyTime deadline);

  Daemon() = default;
  Daemon(Daemon&&) noexcept = default;
  Daemon& operator=(Daemon&&) noexcept = default;

  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable once it has ended
  bool adopted() const { return running() && !child_; }

  // After pidfd() became readable: forgets it (and reaps it, if it was ours). What is known of its
  // end: "exit code 1", "signal 9", "ended".
  std::string Collect();
  // SIGTERM, and SIGKILL at the deadline; returns when it has ended. OK when it did not run;
  // DEADLINE_EXCEEDED when it had to be killed.
  absl::Status End(SteadyTime deadline);
  absl::Status Signal(int signal);
  // Waits for its end; DEADLINE_EXCEEDED leaves it running.
  absl::Status AwaitEnd(SteadyTime deadline);

 private:
  Daemon(pid_t pid, UniqueFd pidfd, bool child)
      : pid_(pid), pidfd_(std::move(pidfd)), child_(child) {}

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  bool child_ = false;
};

// The program `name` beside the running program if there is one, else `name` for PATH.
std::string ProgramBeside(const std::string& name);

}  // namespace floe::mount
