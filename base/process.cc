// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"

extern char** environ;

namespace floe {
namespace {

// Everything the child needs between fork and exec, made before fork: no allocation after it.
struct ExecPlan {
  std::vector<char*> arguments;
  std::vector<char*> environment;
  std::vector<std::pair<int, int>> descriptors;
  bool detached;
  pid_t parent;
};

// Whether `additions` has a variable of the same name.
bool Overridden(absl::string_view variable, const std::vector<std::string>& additions) {
  const absl::string_view name = variable.substr(0, variable.find('=') + 1);
  return std::any_of(additions.begin(), additions.end(), [name](const std::string& addition) {
    return addition.compare(0, name.size(), name.data(), name.size()) == 0;
  });
}

ExecPlan MakePlan(const SpawnOptions& options) {
  ExecPlan plan{{}, {}, options.descriptors, options.detached, getpid()};
  for (const std::string& argument : options.arguments) {
    plan.arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  plan.arguments.push_back(nullptr);
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!Overridden(*variable, options.environment)) plan.environment.push_back(*variable);
  }
  for (const std::string& variable : options.environment) {
    plan.environment.push_back(const_cast<char*>(variable.c_str()));
  }
  plan.environment.push_back(nullptr);
  return plan;
}

// First above every target, so that no dup2 overwrites a source still needed.
bool PlaceDescriptors(std::vector<std::pair<int, int>>& descriptors) {
  int above = 3;
  for (const auto& [source, target] : descriptors) above = std::max(above, target + 1);
  for (auto& [source, target] : descriptors) {
    source = fcntl(source, F_DUPFD_CLOEXEC, above);
    if (source < 0) return false;
  }
  for (const auto& [source, target] : descriptors) {
    if (dup2(source, target) < 0) return false;
  }
  return true;
}

void CloseOthers(const std::vector<std::pair<int, int>>& descriptors) {
  int highest = 2;
  for (const auto& [source, target] : descriptors) highest = std::max(highest, target);
  for (int fd = 3; fd < highest; ++fd) {
    const bool wanted = std::any_of(descriptors.begin(), descriptors.end(),
                                    [fd](const auto& entry) { return entry.second == fd; });
    if (!wanted) close(fd);
  }
  syscall(SYS_close_range, highest + 1, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
}

[[noreturn]] void ExecChild(ExecPlan& plan, int error_pipe) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (plan.detached) {
    setsid();
  } else {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != plan.parent) _exit(127);
  }
  plan.descriptors.emplace_back(error_pipe, error_pipe);
  fcntl(error_pipe, F_SETFD, FD_CLOEXEC);
  plan.descriptors.pop_back();
  if (PlaceDescriptors(plan.descriptors)) {
    plan.descriptors.emplace_back(error_pipe, error_pipe);
    CloseOthers(plan.descriptors);
    fcntl(error_pipe, F_SETFD, FD_CLOEXEC);
    execvpe(plan.arguments[0], plan.arguments.data(), plan.environment.data());
  }
  const int error = errno;
  (void)!write(error_pipe, &error, sizeof error);
  _exit(127);
}

// 0 when exec happened (the pipe closed), else the child's errno.
int ReadExecError(int pipe) {
  int error = 0;
  ssize_t n;
  do {
    n = read(pipe, &error, sizeof error);
  } while (n < 0 && errno == EINTR);
  return n == sizeof error ? error : 0;
}

int MillisecondsUntil(SteadyTime deadline) {
  if (deadline == kNoDeadline) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30));
}

int ExitCode(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

}  // namespace

absl::StatusOr<Process> Process::Spawn(const SpawnOptions& options) {
  if (options.arguments.empty()) return absl::InvalidArgumentError("no program to start");
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  UniqueFd read_end(ends[0]);
  // Far above any descriptor number a caller asks for in the child.
  UniqueFd write_end(fcntl(ends[1], F_DUPFD_CLOEXEC, 200));
  close(ends[1]);
  ExecPlan plan = MakePlan(options);
  Process process;
  process.pid_ = fork();
  if (process.pid_ < 0) return ErrnoStatus(errno, "fork");
  if (process.pid_ == 0) ExecChild(plan, write_end.get());
  process.pidfd_.Reset(static_cast<int>(syscall(SYS_pidfd_open, process.pid_, 0)));
  write_end.Reset();
  if (const int error = ReadExecError(read_end.get()); error != 0) {
    (void)process.Wait();
    return ErrnoStatus(error, absl::StrCat("start ", options.arguments[0]));
  }
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

Process::~Process() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  (void)Wait();
}

absl::Status Process::Signal(int signal) {
  if (pid_ <= 0) return absl::FailedPreconditionError("the process has ended");
  if (kill(pid_, signal) != 0) return ErrnoStatus(errno, "kill");
  return absl::OkStatus();
}

absl::StatusOr<int> Process::Wait(SteadyTime deadline) {
  if (pid_ <= 0) return absl::FailedPreconditionError("the process has ended");
  struct pollfd ended = {pidfd_.get(), POLLIN, 0};
  int rc;
  do {
    rc = poll(&ended, 1, MillisecondsUntil(deadline));
  } while (rc < 0 && errno == EINTR);
  if (rc == 0) return absl::DeadlineExceededError("the process still runs");
  int status = 0;
  pid_t got;
  do {
    got = waitpid(pid_, &status, 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return ErrnoStatus(errno, "waitpid");
  pid_ = -1;
  return ExitCode(status);
}

void Process::Detach() {
  pid_ = -1;
  pidfd_.Reset();
}

namespace {

// Moves bytes both ways until the child closes its output.
absl::Status Exchange(UniqueFd& input, int output, absl::string_view text, SteadyTime deadline,
                      size_t max_output_bytes, std::string& result) {
  while (true) {
    struct pollfd fds[2] = {{output, POLLIN, 0}, {input.get(), POLLOUT, 0}};
    const int rc = poll(fds, input.valid() ? 2 : 1, MillisecondsUntil(deadline));
    if (rc < 0 && errno == EINTR) continue;
    if (rc == 0) return absl::DeadlineExceededError("the command took too long");
    if (input.valid() && (fds[1].revents & (POLLOUT | POLLERR)) != 0) {
      const ssize_t n = write(input.get(), text.data(), text.size());
      if (n > 0) text.remove_prefix(static_cast<size_t>(n));
      if (n < 0 && errno != EINTR && errno != EAGAIN) text = {};
      if (text.empty()) input.Reset();
    }
    if ((fds[0].revents & (POLLIN | POLLHUP)) == 0) continue;
    char buffer[65536];
    const ssize_t n = read(output, buffer, sizeof buffer);
    if (n == 0) return absl::OkStatus();
    if (n < 0 && errno != EINTR && errno != EAGAIN) return ErrnoStatus(errno, "read");
    if (n > 0) result.append(buffer, static_cast<size_t>(n));
    if (result.size() > max_output_bytes) {
      return absl::ResourceExhaustedError("the command's output is too long");
    }
  }
}

}  // namespace

absl::StatusOr<CommandResult> RunCommand(const std::vector<std::string>& arguments,
                                         absl::string_view input, SteadyTime deadline,
                                         size_t max_output_bytes) {
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  UniqueFd child_input(in[0]);
  UniqueFd our_input(in[1]);
  if (pipe2(out, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  UniqueFd our_output(out[0]);
  UniqueFd child_output(out[1]);
  SpawnOptions options;
  options.arguments = arguments;
  options.descriptors = {{child_input.get(), 0}, {child_output.get(), 1}};
  FLOE_ASSIGN_OR_RETURN(Process process, Process::Spawn(options));
  child_input.Reset();
  child_output.Reset();
  fcntl(our_input.get(), F_SETFL, O_NONBLOCK);  // poll promises room for some bytes, not for all
  if (input.empty()) our_input.Reset();
  struct sigaction ignore = {};
  struct sigaction before = {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &before);
  CommandResult result;
  const absl::Status moved =
      Exchange(our_input, our_output.get(), input, deadline, max_output_bytes, result.output);
  sigaction(SIGPIPE, &before, nullptr);
  FLOE_RETURN_IF_ERROR(Annotate(moved, arguments[0]));
  FLOE_ASSIGN_OR_RETURN(result.exit_code, process.Wait(deadline));
  return result;
}

}  // namespace floe
