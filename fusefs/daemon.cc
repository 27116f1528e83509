// SPDX-License-Identifier: Apache-2.0
#include "fusefs/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/metrics_endpoint.h"
#include "base/unix_socket.h"
#include "fusefs/daemon/control_service.h"
#include "fusefs/daemon/floe_mounts.h"
#include "fusefs/daemon/image_table.h"
#include "fusefs/daemon/node_key.h"
#include "fusefs/fuse/init_exchange.h"
#include "store/keys/key_directory.h"

namespace floe::fusefs {
namespace {

// What is opened while there still are rights.
struct Opened {
  UniqueFd signals;
  UniqueFd control;
  std::unique_ptr<keeper::KeeperClient> keeper;
  UniqueFd fuse;
  ManifestKeys keys;
  Secret node_key;
  std::unique_ptr<MetricsEndpoint> endpoint;
};

absl::StatusOr<UniqueFd> BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "signalfd");
  return fd;
}

absl::Status RefuseCycles(const DaemonOptions& options) {
  FLOE_RETURN_IF_ERROR(RefuseFloeMount("/proc/self/exe", "program"));
  FLOE_RETURN_IF_ERROR(RefuseFloeMount(options.keys, "key directory"));
  if (options.tiers.cache_bytes > 0) {
    FLOE_RETURN_IF_ERROR(RefuseFloeMount(options.tiers.cache_dir, "cache"));
  }
  for (const std::string* address : {&options.tiers.store_address, &options.tiers.fast_address}) {
    absl::string_view folder = *address;
    if (absl::StartsWith(folder, "folder:")) folder.remove_prefix(7);
    if (!absl::StartsWith(folder, "/")) continue;
    FLOE_RETURN_IF_ERROR(RefuseFloeMount(std::string(folder), "store"));
  }
  return absl::OkStatus();
}

absl::Status GiveCacheTo(const ServiceUser& user, const std::string& directory) {
  // What is above it has to be passed without privileges.
  const std::filesystem::path above = std::filesystem::path(directory).parent_path();
  if (!above.empty()) FLOE_RETURN_IF_ERROR(MakeDirectories(above.string(), 0755));
  FLOE_RETURN_IF_ERROR(MakeDirectories(directory, 0700));
  FLOE_ASSIGN_OR_RETURN(const UniqueFd fd,
                        OpenFile(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  struct stat st;
  if (fstat(fd.get(), &st) != 0) return ErrnoStatus(errno, absl::StrCat("stat ", directory));
  if (st.st_uid == user.uid || geteuid() != 0) return absl::OkStatus();
  if (faccessat(fd.get(), "c", F_OK, 0) == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cache ", directory, " belongs to user ", st.st_uid, ", not ", user.uid,
                     ": run `chown -R ", user.uid, ":", user.gid, " ", directory, "`"));
  }
  if (fchown(fd.get(), user.uid, user.gid) != 0 || fchmod(fd.get(), 0700) != 0) {
    return ErrnoStatus(errno, absl::StrCat("chown ", directory));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<keeper::KeeperClient>> ReachKeeper(const DaemonOptions& options) {
  if (options.keeper_fd < 0) return keeper::KeeperClient::Connect(options.keeper);
  return std::make_unique<keeper::KeeperClient>(UniqueFd(options.keeper_fd));
}

absl::StatusOr<UniqueFd> FuseDevice(keeper::KeeperClient& keeper) {
  auto slot = keeper.Get(keeper::kFuseDeviceSlot);
  if (!slot.ok() || slot->descriptors.size() != 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        "floe-keeper has no FUSE connection (", slot.ok() ? "empty slot" : slot.status().message(),
        "): floe-snapshotter or floe mount makes it; start one of them"));
  }
  return std::move(slot->descriptors[0]);
}

// Two may be configured alike (a node's own and that of `floe mount`): who comes second serves its
// images all the same, and no metrics. nullptr then.
absl::StatusOr<std::unique_ptr<MetricsEndpoint>> ListenForMetrics(const std::string& address,
                                                                  const Metrics& metrics) {
  auto endpoint = MetricsEndpoint::Listen(address, metrics);
  if (!absl::IsAlreadyExists(endpoint.status())) return endpoint;
  Log(LogLevel::kWarning,
      "no metrics are served: give each floe-fusefs an address of its own (--metrics, or metrics "
      "in [fusefs])",
      {{"reason", endpoint.status().message()}});
  return nullptr;
}

absl::StatusOr<Opened> OpenAsRoot(const DaemonOptions& options, const ServiceUser& user,
                                  Metrics& metrics) {
  Opened opened;
  FLOE_ASSIGN_OR_RETURN(opened.signals, BlockSignals());
  FLOE_RETURN_IF_ERROR(RefuseCycles(options));
  const store::KeyDirectory keys(options.keys);
  FLOE_RETURN_IF_ERROR(keys.EnsureOwnKeys());
  FLOE_ASSIGN_OR_RETURN(opened.keys.ring, keys.LoadKeyRing());
  FLOE_ASSIGN_OR_RETURN(opened.keys.trust, keys.LoadTrust(options.allow_unsigned));
  FLOE_ASSIGN_OR_RETURN(opened.node_key, LoadNodeKey(options.keys));
  if (options.tiers.cache_bytes > 0) {
    FLOE_RETURN_IF_ERROR(GiveCacheTo(user, options.tiers.cache_dir));
  }
  if (!options.metrics.empty()) {
    FLOE_ASSIGN_OR_RETURN(opened.endpoint, ListenForMetrics(options.metrics, metrics));
  }
  FLOE_ASSIGN_OR_RETURN(opened.control, ListenUnix(options.control, 0600));
  FLOE_ASSIGN_OR_RETURN(opened.keeper, ReachKeeper(options));
  FLOE_ASSIGN_OR_RETURN(opened.fuse, FuseDevice(*opened.keeper));
  return opened;
}

// True when a predecessor served this connection: its unanswered requests come again.
absl::StatusOr<bool> TakeOver(keeper::KeeperClient& keeper, int fuse) {
  auto slot = keeper.Get(keeper::kFuseInitSlot);
  if (absl::IsNotFound(slot.status())) return false;
  if (!slot.ok()) return slot.status();
  FLOE_ASSIGN_OR_RETURN(const InitExchange saved, DecodeInitExchange(slot->blob));
  FLOE_RETURN_IF_ERROR(CheckTakeover(saved));
  const absl::Status resent = ResendRequests(fuse);
  if (absl::IsUnimplemented(resent)) {
    Log(LogLevel::kWarning, "reads that the predecessor had taken will not be answered",
        {{"reason", resent.message()}});
    return true;
  }
  FLOE_RETURN_IF_ERROR(resent);
  return true;
}

class Daemon {
 public:
  Daemon(const DaemonOptions& options, const ServiceUser& user, Metrics& metrics, Opened opened)
      : options_(options), user_(user), metrics_(metrics), opened_(std::move(opened)) {}

  absl::StatusOr<Ending> Run();

 private:
  absl::Status Start();
  absl::StatusOr<Ending> WaitForEnd();
  absl::Status SaveInit(Bytes exchange) FLOE_EXCLUDES(init_mutex_);
  absl::Status UseKeeper(UniqueFd keeper) FLOE_EXCLUDES(init_mutex_);

  const DaemonOptions& options_;
  const ServiceUser user_;
  Metrics& metrics_;
  Opened opened_;
  UniqueFd connection_ended_;
  std::unique_ptr<Tiers> tiers_;
  std::unique_ptr<ImageTable> images_;
  std::unique_ptr<ThreadPool> keeper_pool_;
  std::unique_ptr<ImageFs> fs_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<ControlService> control_;
  Mutex init_mutex_;
  Bytes init_ FLOE_GUARDED_BY(init_mutex_);  // slot fuse.init, for a keeper that comes later
};

absl::Status Daemon::SaveInit(Bytes exchange) {
  MutexLock lock(init_mutex_);
  init_ = std::move(exchange);
  return opened_.keeper->Put(keeper::kFuseInitSlot, init_);
}

absl::Status Daemon::UseKeeper(UniqueFd keeper) {
  FLOE_RETURN_IF_ERROR(images_->MoveTo(std::move(keeper)));
  MutexLock lock(init_mutex_);
  if (!init_.empty()) FLOE_RETURN_IF_ERROR(opened_.keeper->Put(keeper::kFuseInitSlot, init_));
  Log(LogLevel::kInfo, "moved to another keeper", {{"images", images_->States().size()}});
  return absl::OkStatus();
}

absl::Status Daemon::Start() {
  Clock& clock = Clock::Real();
  FLOE_ASSIGN_OR_RETURN(
      tiers_, Tiers::Create(options_.tiers, std::move(opened_.node_key), metrics_, clock));
  images_ = std::make_unique<ImageTable>(
      *opened_.keeper, opened_.keys, tiers_->loader(),
      [this](const store::Manifest& manifest) { return tiers_->SourceFor(manifest); },
      [this](const store::Manifest& manifest) { return tiers_->AdmitStart(manifest); }, clock);
  FLOE_RETURN_IF_ERROR(images_->Restore());
  keeper_pool_ = std::make_unique<ThreadPool>("keeper", 1);
  fs_ = std::make_unique<ImageFs>(
      *images_, *keeper_pool_, clock, metrics_,
      [this](ByteView request, ByteView reply) {
        return SaveInit(EncodeInitExchange(
            {Bytes(request.begin(), request.end()), Bytes(reply.begin(), reply.end())}));
      },
      options_.fs);
  connection_ended_.Reset(eventfd(0, EFD_CLOEXEC));
  if (auto saved = opened_.keeper->Get(keeper::kFuseInitSlot); saved.ok()) {
    MutexLock lock(init_mutex_);
    init_ = std::move(saved->blob);
  }
  FLOE_ASSIGN_OR_RETURN(const bool taken_over, TakeOver(*opened_.keeper, opened_.fuse.get()));
  SessionOptions session;
  session.threads = options_.fuse_threads;
  session.on_end = [this] { (void)eventfd_write(connection_ended_.get(), 1); };
  FLOE_ASSIGN_OR_RETURN(
      session_, Session::Start(std::move(opened_.fuse), session,
                               [this](const FuseRequest& request, std::shared_ptr<Call> call) {
                                 fs_->Handle(request, std::move(call));
                               }));
  control_ = std::make_unique<ControlService>(
      std::move(opened_.control), *images_, metrics_,
      [this](const store::ChunkRefs& chunks) { return tiers_->LocalBytes(chunks); },
      [this](UniqueFd keeper) { return UseKeeper(std::move(keeper)); },
      ControlOptions{user_.uid, 512, 16});
  if (opened_.endpoint) opened_.endpoint->Serve();
  Log(LogLevel::kInfo, "floe-fusefs serves",
      {{"control", options_.control},
       {"uid", getuid()},
       {"images", images_->States().size()},
       {"took_over", taken_over ? "yes" : "no"}});
  return absl::OkStatus();
}

absl::StatusOr<Ending> Daemon::WaitForEnd() {
  while (true) {
    struct pollfd polled[] = {{opened_.signals.get(), POLLIN, 0},
                              {connection_ended_.get(), POLLIN, 0}};
    const int rc = poll(polled, 2, 1000);
    if (rc < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
    if ((polled[0].revents & POLLIN) != 0) return Ending::kAsked;
    if ((polled[1].revents & POLLIN) != 0) return Ending::kConnection;
    tiers_->Maintain();
  }
}

absl::StatusOr<Ending> Daemon::Run() {
  FLOE_RETURN_IF_ERROR(Start());
  FLOE_ASSIGN_OR_RETURN(const Ending ending, WaitForEnd());
  // From here on the kernel hears nothing from us: what is unanswered waits for a successor.
  session_->Stop();
  tiers_->SaveForRestart();
  Log(LogLevel::kInfo, "floe-fusefs ends",
      {{"reason", ending == Ending::kAsked ? "asked to" : "the FUSE connection ended"}});
  return ending;
}

}  // namespace

absl::StatusOr<Ending> RunDaemon(const DaemonOptions& options) {
  FLOE_RETURN_IF_ERROR(options.Validate());
  FLOE_ASSIGN_OR_RETURN(const ServiceUser user, FindUser(options.user));
  // For the life of the process: threads that are stuck in a store may still use them at the end.
  static Metrics& metrics = *new Metrics;
  RaiseLimits();
  FLOE_ASSIGN_OR_RETURN(Opened opened, OpenAsRoot(options, user, metrics));
  FLOE_RETURN_IF_ERROR(Annotate(DropPrivileges(user), "give up root"));
  auto* daemon = new Daemon(options, user, metrics, std::move(opened));
  return daemon->Run();
}

}  // namespace floe::fusefs
