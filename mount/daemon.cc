// SPDX-License-Identifier: Apache-2.0
#include "mount/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/process.h"
#include "base/unix_socket.h"
#include "mount/wait_socket.h"

namespace floe::mount {
namespace {

constexpr std::chrono::seconds kEndPatience(1);  // from the last answer to the end of a process
constexpr uint64_t kMaxLastWords = 2000;
constexpr std::chrono::seconds kKillPatience(
    10);  // a killed process may still finish a system call

absl::StatusOr<UniqueFd> OpenPidfd(pid_t pid) {
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return ErrnoStatus(errno, absl::StrCat("pidfd of process ", pid));
  return pidfd;
}

absl::StatusOr<pid_t> ListenerOf(const std::string& socket) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd connection, ConnectUnix(socket));
  FLOE_ASSIGN_OR_RETURN(const Peer peer, PeerOf(connection.get()));
  return peer.pid;
}

bool Readable(int fd, SteadyTime deadline) {
  int timeout = -1;
  if (deadline != kNoDeadline) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::Real().Now()).count();
    timeout = static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30));
  }
  struct pollfd event = {fd, POLLIN, 0};
  int rc;
  do {
    rc = poll(&event, 1, timeout);
  } while (rc < 0 && errno == EINTR);
  return rc == 1;
}

std::string DescribeEnd(int status) {
  return WIFEXITED(status) ? absl::StrCat("exit code ", WEXITSTATUS(status))
                           : absl::StrCat("signal ", WTERMSIG(status));
}

uint64_t LogSize(const std::string& path) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

// The last line of what was written to the log since it was `from` bytes long: a daemon that ends
// at its start says why there.
std::string LastWords(const DaemonSpec& spec, uint64_t from) {
  const absl::StatusOr<UniqueFd> log = OpenFile(spec.log_file, O_RDONLY);
  if (!log.ok()) return "its log says why";
  const uint64_t size = LogSize(spec.log_file);
  Bytes tail(std::min<uint64_t>(size - std::min(size, from), kMaxLastWords));
  if (!ReadFullAt(log->get(), tail, size - tail.size()).ok()) return "its log says why";
  absl::string_view text = absl::StripSuffix(AsText(tail), "\n");
  if (const size_t line = text.rfind('\n'); line != absl::string_view::npos) {
    text.remove_prefix(line + 1);
  }
  return text.empty() ? absl::StrCat(spec.log_file, " says why") : std::string(text);
}

absl::Status EndedAtStart(const DaemonSpec& spec, const std::string& how, uint64_t log_size) {
  const std::string why = spec.log_file.empty() ? "its log says why" : LastWords(spec, log_size);
  return absl::UnavailableError(
      absl::StrCat(spec.name, " ended at its start with ", how, ": ", why));
}

absl::StatusOr<pid_t> Spawn(const DaemonSpec& spec) {
  SpawnOptions options;
  options.arguments = spec.command;
  options.detached = true;
  options.environment = {"NOTIFY_SOCKET="};  // only this process speaks for the service
  FLOE_ASSIGN_OR_RETURN(const UniqueFd input, OpenFile("/dev/null", O_RDONLY));
  options.descriptors = {{input.get(), 0}};
  UniqueFd log;
  if (!spec.log_file.empty()) {
    FLOE_ASSIGN_OR_RETURN(log, OpenFile(spec.log_file, O_WRONLY | O_CREAT | O_APPEND, 0600));
    options.descriptors.emplace_back(log.get(), 1);
    options.descriptors.emplace_back(log.get(), 2);
  }
  FLOE_ASSIGN_OR_RETURN(Process process, Process::Spawn(options));
  const pid_t pid = process.pid();
  process.Detach();
  return pid;
}

}  // namespace

absl::StatusOr<Daemon> Daemon::Adopt(const DaemonSpec& spec) {
  FLOE_ASSIGN_OR_RETURN(const pid_t pid, ListenerOf(spec.socket));
  FLOE_ASSIGN_OR_RETURN(UniqueFd pidfd, OpenPidfd(pid));
  // Asked twice, so that the descriptor is not that of a process which got the number since.
  FLOE_ASSIGN_OR_RETURN(const pid_t still, ListenerOf(spec.socket));
  if (still != pid) return absl::UnavailableError(absl::StrCat(spec.name, " is being replaced"));
  return Daemon(pid, std::move(pidfd), false);
}

absl::StatusOr<Daemon> Daemon::Start(const DaemonSpec& spec, int interrupt, SteadyTime deadline) {
  const uint64_t log_size = LogSize(spec.log_file);
  FLOE_ASSIGN_OR_RETURN(const pid_t pid, Spawn(spec));
  FLOE_ASSIGN_OR_RETURN(UniqueFd pidfd, OpenPidfd(pid));
  Daemon daemon(pid, std::move(pidfd), true);
  std::vector<int> interrupts = {daemon.pidfd()};
  if (interrupt >= 0) interrupts.push_back(interrupt);
  const auto connection = ConnectWhenServed(spec.socket, interrupts, deadline);
  if (connection.ok()) {
    FLOE_ASSIGN_OR_RETURN(const Peer peer, PeerOf(connection->get()));
    // It may listen before it is ready, and end before it is: AwaitAnswer tells.
    const absl::Status ready = spec.await_answer ? spec.await_answer(deadline) : absl::OkStatus();
    if (peer.pid == pid && ready.ok()) return daemon;
    if (peer.pid != pid) {
      (void)daemon.End(deadline);
      return Adopt(spec);
    }
    if (!Readable(daemon.pidfd(), Clock::Real().Now() + kEndPatience)) {
      (void)daemon.End(Clock::Real().Now() + kEndPatience);
      return ready;
    }
  }
  if (Readable(daemon.pidfd(), Clock::Real().Now())) {
    return EndedAtStart(spec, daemon.Collect(), log_size);
  }
  if (interrupt >= 0 && Readable(interrupt, Clock::Real().Now())) return daemon;
  (void)daemon.Signal(SIGKILL);
  (void)daemon.AwaitEnd(Clock::Real().Now() + kKillPatience);
  return absl::DeadlineExceededError(
      absl::StrCat(spec.name, " did not listen on ", spec.socket, " in time"));
}

std::string Daemon::Collect() {
  const pid_t pid = std::exchange(pid_, -1);
  pidfd_.Reset();
  int status = 0;
  // One that was adopted may be our child all the same, of an earlier supervisor in this process.
  const pid_t got = waitpid(pid, &status, WNOHANG);
  return got == pid ? DescribeEnd(status) : "ended";
}

absl::Status Daemon::Signal(int signal) {
  if (!running()) return absl::FailedPreconditionError("the daemon does not run");
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) != 0 && errno != ESRCH) {
    return ErrnoStatus(errno, absl::StrCat("signal process ", pid_));
  }
  return absl::OkStatus();
}

absl::Status Daemon::AwaitEnd(SteadyTime deadline) {
  if (!running()) return absl::OkStatus();
  if (!Readable(pidfd_.get(), deadline)) {
    return absl::DeadlineExceededError(absl::StrCat("process ", pid_, " still runs"));
  }
  Collect();
  return absl::OkStatus();
}

absl::Status Daemon::End(SteadyTime deadline) {
  if (!running()) return absl::OkStatus();
  const pid_t pid = pid_;
  FLOE_RETURN_IF_ERROR(Signal(SIGTERM));
  if (AwaitEnd(deadline).ok()) return absl::OkStatus();
  FLOE_RETURN_IF_ERROR(Signal(SIGKILL));
  FLOE_RETURN_IF_ERROR(AwaitEnd(Clock::Real().Now() + kKillPatience));
  return absl::DeadlineExceededError(
      absl::StrCat("process ", pid, " did not end when asked and was killed"));
}

std::string ProgramBeside(const std::string& name) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return name;
  const std::string beside = (self.parent_path() / name).string();
  return access(beside.c_str(), X_OK) == 0 ? beside : name;
}

}  // namespace floe::mount
