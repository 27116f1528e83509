// SPDX-License-Identifier: Apache-2.0
// Children: started with explicit descriptors, watched through a pidfd, never left behind by
// accident.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe {

struct SpawnOptions {
  std::vector<std::string> arguments;  // [0] is the program; looked up in PATH when without '/'
  // {descriptor of ours, number in the child}; all others are closed there. 0, 1, 2 are inherited
  // unless named.
  std::vector<std::pair<int, int>> descriptors;
  std::vector<std::string> environment;  // added to ours, or in place of it: "NAME=value"
  // In a session of its own and not killed with us: a daemon that outlives this process.
  bool detached = false;
};

// A child process. The destructor kills (SIGKILL) and reaps what still runs, unless Detach() was
// called. Not thread safe.
class Process {
 public:
  static absl::StatusOr<Process> Spawn(const SpawnOptions& options);

  Process() = default;
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable when the child has ended
  absl::Status Signal(int signal);
  // Waits; DEADLINE_EXCEEDED leaves it running. The value is the exit code, or 128 + signal.
  absl::StatusOr<int> Wait(SteadyTime deadline = kNoDeadline);
  // Lets it run on without us.
  void Detach();

 private:
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

struct CommandResult {
  int exit_code = 0;  // or 128 + signal
  std::string output;
};
// Runs a command with `input` on its standard input and gives its standard output (at most
// `max_output_bytes`, then RESOURCE_EXHAUSTED); standard error is ours. Killed at `deadline`.
absl::StatusOr<CommandResult> RunCommand(const std::vector<std::string>& arguments,
                                         absl::string_view input = "",
                                         SteadyTime deadline = kNoDeadline,
                                         size_t max_output_bytes = 16 << 20);

}  // namespace floe
