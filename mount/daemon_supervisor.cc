// SPDX-License-Identifier: Apache-2.0
#include "mount/daemon_supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/unix_socket.h"
#include "keeper/client.h"
#include "mount/backoff.h"
#include "mount/daemon.h"
#include "mount/fuse_slots.h"
#include "proto/control.pb.h"

namespace floe::mount {
namespace {

constexpr std::chrono::seconds kPingPatience(5);
constexpr char kKeeperName[] = "floe-keeper";
constexpr char kFusefsName[] = "floe-fusefs";

// Daemon objects belong to whoever runs: Start, then the watching thread, then Shutdown. What
// others may ask for is copied under the lock.
class Supervisor : public DaemonSupervisor {
 public:
  explicit Supervisor(SupervisorOptions options)
      : options_(std::move(options)),
        keeper_(kKeeperName, options_, "keeper.sock", options_.keeper_program),
        fusefs_(kFusefsName, options_, "fusefs.sock", options_.fusefs_program),
        client_(fusefs_.spec.socket) {
    Append(keeper_.spec.command, options_.keeper_arguments);
    Append(keeper_.spec.command, {"--socket", keeper_.spec.socket});
    Append(fusefs_.spec.command, options_.fusefs_arguments);
    Append(fusefs_.spec.command,
           {"--control", fusefs_.spec.socket, "--keeper", keeper_.spec.socket});
    fusefs_.spec.await_answer = [this](SteadyTime deadline) {
      return client_.Ping(deadline).status();
    };
  }
  ~Supervisor() override { StopWatching(); }

  absl::Status Begin();
  // Ends what Begin started and did not find.
  void Undo();
  absl::Status Shutdown(SteadyTime deadline) override;

  const FusefsClient& fusefs() const override { return client_; }
  std::shared_ptr<const FuseMount> fuse() const override {
    MutexLock lock(mutex_);
    return fuse_;
  }
  DaemonState keeper_state() const override { return StateOf(keeper_); }
  DaemonState fusefs_state() const override { return StateOf(fusefs_); }

 private:
  struct Watched {
    Watched(const char* name, const SupervisorOptions& options, const char* socket,
            const std::string& program)
        : backoff(options.first_pause, options.longest_pause) {
      spec.name = name;
      spec.socket = absl::StrCat(options.runtime_dir, "/", socket);
      spec.command = {program.empty() ? ProgramBeside(name) : program};
      spec.log_file = options.log_file;
    }
    DaemonSpec spec;
    Daemon daemon;
    Backoff backoff;
    SteadyTime next_start = kNoDeadline;  // while it does not run
    DaemonState state;                    // guarded by mutex_
  };

  static void Append(std::vector<std::string>& to, const std::vector<std::string>& from) {
    to.insert(to.end(), from.begin(), from.end());
  }
  DaemonState StateOf(const Watched& watched) const {
    MutexLock lock(mutex_);
    return watched.state;
  }

  absl::Status Lock();
  absl::Status StartDaemon(Watched& watched);
  absl::Status EnsureKeeper();
  absl::Status EnsureFuse();
  absl::Status EnsureFusefs();
  absl::Status AdoptFusefs();
  void Note(Watched& watched, const absl::Status& status);

  // Whether the keeper holds everything that the next floe-fusefs needs to go on.
  enum class Holds {
    kAll,
    kLikely,   // a predecessor left it: floe-fusefs says again what it serves
    kNothing,  // it is new, and floe-fusefs has not told it yet
  };
  // Asks floe-fusefs for a sign of life when it is time, and kills one that gives none.
  void WatchPulse(bool answered);
  void Ping();
  // When Watch has something to do without being told.
  SteadyTime NextDeadline() const;
  void Watch();
  bool WantsRefill() const { return fusefs_.daemon.running() && holds_ != Holds::kAll; }
  // The keeper's next chance to start or to be filled, or floe-fusefs' to start.
  bool Due(const Watched& watched) const;
  void OnEnd(Watched& watched);
  void Restart(Watched& watched);
  void Refill();
  absl::Status RestoreKeeper();
  absl::Status ReplaceDeadFuse();
  void EndFuse();
  void StopWatching();
  absl::Status EndKeeper(SteadyTime deadline);
  void RemoveFiles();

  const SupervisorOptions options_;
  Watched keeper_;
  Watched fusefs_;
  const FusefsClient client_;
  // Of the floe-fusefs that runs; the watching thread's own.
  struct Pulse {
    UniqueFd socket;  // a ping was sent and is not answered yet
    SteadyTime next_ping{};
    SteadyTime patience_ends = kNoDeadline;  // while it owes a sign
  };
  Pulse pulse_;
  UniqueFd lock_;
  UniqueFd stop_;
  Holds holds_ = Holds::kAll;  // Begin's, then the watching thread's
  std::thread watcher_;

  mutable Mutex mutex_;
  std::shared_ptr<const FuseMount> fuse_ FLOE_GUARDED_BY(mutex_);
};

absl::Status Supervisor::Lock() {
  FLOE_RETURN_IF_ERROR(MakeDirectories(options_.runtime_dir, 0711));
  const std::string path = absl::StrCat(options_.runtime_dir, "/supervisor.lock");
  struct stat file = {};
  while (file.st_nlink == 0) {  // else Shutdown of another took the name away in between
    FLOE_ASSIGN_OR_RETURN(lock_, OpenFile(path, O_RDWR | O_CREAT, 0600));
    if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) break;
    if (fstat(lock_.get(), &file) != 0) return ErrnoStatus(errno, path);
  }
  if (file.st_nlink > 0) return absl::OkStatus();
  lock_.Reset();
  return absl::FailedPreconditionError(
      absl::StrCat("another floe process looks after the daemons in ", options_.runtime_dir,
                   ": stop it, or use another runtime directory"));
}

void Supervisor::Note(Watched& watched, const absl::Status& status) {
  MutexLock lock(mutex_);
  watched.state.pid = watched.daemon.running() ? watched.daemon.pid() : -1;
  watched.state.adopted = watched.daemon.adopted();
  watched.state.last_error = status.ok() ? "" : std::string(status.message());
}

absl::Status Supervisor::StartDaemon(Watched& watched) {
  const SteadyTime deadline = Clock::Real().Now() + options_.start_timeout;
  absl::StatusOr<Daemon> started = Daemon::Start(watched.spec, stop_.get(), deadline);
  if (started.ok()) {
    watched.daemon = *std::move(started);
    watched.backoff.Started(Clock::Real().Now());
    Log(LogLevel::kInfo, "daemon started",
        {{"daemon", watched.spec.name}, {"pid", watched.daemon.pid()}});
  }
  Note(watched, started.status());
  return started.status();
}

absl::Status Supervisor::EnsureKeeper() {
  absl::StatusOr<Daemon> found = Daemon::Adopt(keeper_.spec);
  if (!found.ok()) return StartDaemon(keeper_);
  keeper_.daemon = *std::move(found);
  Note(keeper_, absl::OkStatus());
  return absl::OkStatus();
}

// A new connection makes a floe-fusefs that serves the old one useless: it is ended.
absl::Status Supervisor::EnsureFuse() {
  FLOE_ASSIGN_OR_RETURN(const auto keeper, keeper::KeeperClient::Connect(keeper_.spec.socket));
  absl::StatusOr<FuseMount> fuse = LoadFuse(*keeper);
  if (absl::IsNotFound(fuse.status())) {
    if (absl::StatusOr<Daemon> old = Daemon::Adopt(fusefs_.spec); old.ok()) {
      Log(LogLevel::kError, "floe-fusefs serves a connection that floe-keeper does not hold");
      FLOE_RETURN_IF_ERROR(old->End(Clock::Real().Now() + options_.start_timeout));
    }
    fuse = ReplaceFuse(*keeper);
  }
  FLOE_RETURN_IF_ERROR(fuse.status());
  MutexLock lock(mutex_);
  fuse_ = std::make_shared<const FuseMount>(*std::move(fuse));
  return absl::OkStatus();
}

// UNAVAILABLE when there is none, or none that can be kept (it is ended then).
absl::Status Supervisor::AdoptFusefs() {
  FLOE_ASSIGN_OR_RETURN(Daemon found, Daemon::Adopt(fusefs_.spec));
  const auto pong = client_.Ping(Clock::Real().Now() + kPingPatience);
  const bool same = pong.ok() && pong->version == FLOE_VERSION;
  if (same || (pong.ok() && !options_.replace_other_version)) {
    Log(LogLevel::kInfo, "floe-fusefs adopted", {{"pid", found.pid()}, {"version", pong->version}});
    fusefs_.daemon = std::move(found);
    Note(fusefs_, absl::OkStatus());
    holds_ = Holds::kLikely;
    keeper_.next_start = Clock::Real().Now();
    return absl::OkStatus();
  }
  // Its requests stay in the kernel until the successor asks for them.
  Log(LogLevel::kWarning, "floe-fusefs is replaced",
      {{"pid", found.pid()}, {"why", pong.ok() ? pong->version : pong.status().ToString()}});
  const SteadyTime now = Clock::Real().Now();
  (void)found.End(absl::IsDeadlineExceeded(pong.status()) ? now : now + options_.start_timeout);
  return absl::UnavailableError("replaced");
}

absl::Status Supervisor::EnsureFusefs() {
  if (AdoptFusefs().ok()) return absl::OkStatus();
  return StartDaemon(fusefs_);
}

absl::Status Supervisor::Begin() {
  stop_.Reset(eventfd(0, EFD_CLOEXEC));
  if (!stop_) return ErrnoStatus(errno, "eventfd");
  FLOE_RETURN_IF_ERROR(Lock());
  FLOE_RETURN_IF_ERROR(EnsureKeeper());
  FLOE_RETURN_IF_ERROR(EnsureFuse());
  FLOE_RETURN_IF_ERROR(EnsureFusefs());
  watcher_ = std::thread([this] { Watch(); });
  return absl::OkStatus();
}

void Supervisor::Undo() {
  if (!lock_) return;
  const SteadyTime deadline = Clock::Real().Now() + options_.start_timeout;
  if (!fusefs_.daemon.adopted()) (void)fusefs_.daemon.End(deadline);
  if (!keeper_.daemon.adopted()) (void)EndKeeper(deadline);
  RemoveFiles();
}

absl::Status Supervisor::EndKeeper(SteadyTime deadline) {
  if (!keeper_.daemon.running()) return absl::OkStatus();
  // Asked, for a signal alone does not end a keeper that holds a connection.
  if (auto keeper = keeper::KeeperClient::Connect(keeper_.spec.socket); keeper.ok()) {
    (void)(*keeper)->Shutdown();
  }
  if (keeper_.daemon.AwaitEnd(deadline).ok()) return absl::OkStatus();
  return keeper_.daemon.End(deadline);
}

void Supervisor::RemoveFiles() {
  for (const Watched* watched : {&keeper_, &fusefs_}) {
    // One that we did not come to adopt may serve it: without the socket nobody ever finds it.
    if (watched->daemon.running() || ConnectUnix(watched->spec.socket).ok()) continue;
    unlink(watched->spec.socket.c_str());
  }
  unlink(absl::StrCat(options_.runtime_dir, "/supervisor.lock").c_str());
  lock_.Reset();
}

void Supervisor::OnEnd(Watched& watched) {
  const pid_t pid = watched.daemon.pid();
  const std::string how = watched.daemon.Collect();
  Log(LogLevel::kError, "daemon ended",
      {{"daemon", watched.spec.name}, {"pid", pid}, {"how", how}});
  watched.next_start = watched.backoff.Failed(Clock::Real().Now());
  if (&watched == &keeper_) holds_ = Holds::kNothing;
  Note(watched, absl::UnavailableError(absl::StrCat("ended with ", how)));
}

// The connection itself lives on in our duplicate and in floe-fusefs', which also knows its images.
absl::Status Supervisor::RestoreKeeper() {
  FLOE_ASSIGN_OR_RETURN(const auto keeper, keeper::KeeperClient::Connect(keeper_.spec.socket));
  FLOE_RETURN_IF_ERROR(StoreFuse(*keeper, *fuse()));
  FLOE_ASSIGN_OR_RETURN(const UniqueFd socket, ConnectUnix(keeper_.spec.socket));
  return client_.UseKeeper(socket.get(), Clock::Real().Now() + kPingPatience);
}

// Tried until it succeeds: a keeper that lacks something makes the next death of floe-fusefs a
// loss.
void Supervisor::Refill() {
  const absl::Status status = RestoreKeeper();
  if (status.ok()) {
    holds_ = Holds::kAll;
    keeper_.next_start = kNoDeadline;
    return;
  }
  keeper_.next_start = Clock::Real().Now() + options_.longest_pause;
  Log(LogLevel::kError, "floe-keeper does not hold yet what floe-fusefs serves",
      {{"why", status.message()}});
}

// Every read that waits on it fails, and its mounts are dead.
void Supervisor::EndFuse() {
  const auto number = FuseConnectionNumber(fuse()->mount.get());
  const absl::Status ended = number.ok() ? AbortFuseConnection(*number) : number.status();
  Log(LogLevel::kError, "floe-keeper and floe-fusefs died together: containers of floe images end",
      {{"connection", ended.ToString()}});
}

// An aborted connection (floe abort) serves nobody any more; its mounts are made anew by their
// users. Nor does one whose images and inode numbers nobody knows: served on, an old mount could
// get the bytes of another image.
absl::Status Supervisor::ReplaceDeadFuse() {
  if (FuseAlive(*fuse())) {
    if (holds_ != Holds::kNothing) return absl::OkStatus();
    EndFuse();
  }
  FLOE_ASSIGN_OR_RETURN(const auto keeper, keeper::KeeperClient::Connect(keeper_.spec.socket));
  FLOE_ASSIGN_OR_RETURN(FuseMount fresh, ReplaceFuse(*keeper));
  Log(LogLevel::kWarning, "the FUSE connection had ended; a new one was made");
  holds_ = Holds::kAll;
  MutexLock lock(mutex_);
  fuse_ = std::make_shared<const FuseMount>(std::move(fresh));
  return absl::OkStatus();
}

void Supervisor::Restart(Watched& watched) {
  absl::Status status = &watched == &fusefs_ ? ReplaceDeadFuse() : absl::OkStatus();
  if (status.ok()) status = StartDaemon(watched);
  if (!status.ok()) {
    watched.next_start = watched.backoff.Failed(Clock::Real().Now());
    Log(LogLevel::kError, "daemon could not be started",
        {{"daemon", watched.spec.name}, {"why", status.message()}});
    return;
  }
  watched.next_start = kNoDeadline;
  if (&watched == &keeper_ && WantsRefill()) Refill();
  MutexLock lock(mutex_);
  ++watched.state.restarts;
}

bool Supervisor::Due(const Watched& watched) const {
  if (&watched == &keeper_) return !watched.daemon.running() || WantsRefill();
  return !watched.daemon.running() && keeper_.daemon.running();  // which it needs
}

void Supervisor::Ping() {
  const SteadyTime now = Clock::Real().Now();
  pulse_.next_ping = now + options_.ping_interval;
  if (pulse_.patience_ends == kNoDeadline) pulse_.patience_ends = now + options_.ping_patience;
  absl::StatusOr<UniqueFd> socket = ConnectUnixAtOnce(fusefs_.spec.socket);
  if (!socket.ok()) return;
  control::Request request;
  request.mutable_ping();
  if (!SendMessage(socket->get(), AsBytes(request.SerializeAsString()), {}, now).ok()) return;
  pulse_.socket = *std::move(socket);
}

void Supervisor::WatchPulse(bool answered) {
  if (!fusefs_.daemon.running()) {
    pulse_ = {};
    return;
  }
  const SteadyTime now = Clock::Real().Now();
  if (answered) {  // also a refusal is a sign of life
    pulse_ = {UniqueFd(), now + options_.ping_interval, kNoDeadline};
  } else if (now >= pulse_.patience_ends && holds_ == Holds::kNothing) {
    // What it serves is known to nobody else yet: killed, it would take every container along.
    pulse_.patience_ends = now + options_.ping_patience;
  } else if (now >= pulse_.patience_ends) {
    Log(LogLevel::kError, "floe-fusefs does not answer and is killed, to be started again",
        {{"pid", fusefs_.daemon.pid()}, {"silent_ms", options_.ping_patience.count()}});
    (void)fusefs_.daemon.Signal(SIGKILL);
    pulse_ = {UniqueFd(), now + options_.ping_interval, kNoDeadline};
  } else if (!pulse_.socket && now >= pulse_.next_ping) {
    Ping();
  }
}

SteadyTime Supervisor::NextDeadline() const {
  SteadyTime next = kNoDeadline;
  for (const Watched* watched : {&keeper_, &fusefs_}) {
    if (Due(*watched)) next = std::min(next, watched->next_start);
  }
  if (!fusefs_.daemon.running()) return next;
  if (!pulse_.socket) next = std::min(next, pulse_.next_ping);
  return std::min(next, pulse_.patience_ends);
}

void Supervisor::Watch() {
  while (true) {
    std::vector<struct pollfd> events = {{stop_.get(), POLLIN, 0}};
    for (const Watched* watched : {&keeper_, &fusefs_}) {
      events.push_back({watched->daemon.running() ? watched->daemon.pidfd() : -1, POLLIN, 0});
    }
    events.push_back({pulse_.socket ? pulse_.socket.get() : -1, POLLIN, 0});
    int timeout = -1;
    if (const SteadyTime next = NextDeadline(); next != kNoDeadline) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(next - Clock::Real().Now()).count();
      timeout = static_cast<int>(std::max<int64_t>(left, 0));
    }
    if (poll(events.data(), events.size(), timeout) < 0 && errno != EINTR) return;
    if (events[0].revents != 0) return;
    if (events[1].revents != 0) OnEnd(keeper_);
    if (events[2].revents != 0) OnEnd(fusefs_);
    WatchPulse(events[3].revents != 0);
    for (Watched* watched : {&keeper_, &fusefs_}) {
      if (!Due(*watched) || Clock::Real().Now() < watched->next_start) continue;
      if (watched->daemon.running()) {
        Refill();
      } else {
        Restart(*watched);
      }
    }
  }
}

void Supervisor::StopWatching() {
  if (!watcher_.joinable()) return;
  (void)eventfd_write(stop_.get(), 1);
  watcher_.join();
}

absl::Status Supervisor::Shutdown(SteadyTime deadline) {
  StopWatching();
  absl::Status status = fusefs_.daemon.End(deadline);
  {
    MutexLock lock(mutex_);
    fuse_.reset();
  }
  status.Update(EndKeeper(deadline));
  Note(keeper_, absl::OkStatus());
  Note(fusefs_, absl::OkStatus());
  RemoveFiles();
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DaemonSupervisor>> DaemonSupervisor::Start(
    SupervisorOptions options) {
  auto supervisor = std::make_unique<Supervisor>(std::move(options));
  if (const absl::Status begun = supervisor->Begin(); !begun.ok()) {
    supervisor->Undo();
    return begun;
  }
  return supervisor;
}

}  // namespace floe::mount
