// SPDX-License-Identifier: Apache-2.0
#include "cli/node_mount.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "mount/daemon_supervisor.h"
#include "mount/erofs_mount.h"
#include "mount/image_mounter.h"
#include "mount/syscalls.h"

namespace floe::cli {
namespace {

using nlohmann::json;

constexpr char kHolder[] = "floe mount";
constexpr char kKey[] = "image";
constexpr uint64_t kMaxStateBytes = 64 << 10;

SteadyTime After(std::chrono::milliseconds timeout) { return Clock::Real().Now() + timeout; }

// The real path of an existing directory; for umount also of one whose file system is dead.
absl::StatusOr<std::string> AbsoluteTarget(const std::string& target) {
  char resolved[PATH_MAX];
  if (realpath(target.c_str(), resolved) == nullptr) {
    return ErrnoStatus(errno, absl::StrCat("directory ", target));
  }
  return std::string(resolved);
}

std::string IdOf(const std::string& target) {
  return ToHex(ByteView(Sha256::Of(AsBytes(target))).first(8));
}

std::string StateDirOf(const std::string& id) { return absl::StrCat(kMountStateDir, "/", id); }
std::string StateFileOf(const std::string& id) { return StateDirOf(id) + "/state.json"; }

absl::StatusOr<NodeMount> ReadState(const std::string& id) {
  FLOE_ASSIGN_OR_RETURN(const Bytes bytes, ReadWholeFile(StateFileOf(id), kMaxStateBytes));
  const json state = json::parse(AsText(bytes).begin(), AsText(bytes).end(), nullptr, false);
  if (!state.is_object()) {
    return absl::DataLossError(absl::StrCat(StateFileOf(id), " is damaged"));
  }
  NodeMount mount;
  mount.id = id;
  mount.target = state.value("target", "");
  mount.label = state.value("label", "");
  mount.cache_dir = state.value("cache_dir", "");
  mount.fusefs_arguments = state.value("fusefs_arguments", std::vector<std::string>());
  return mount;
}

absl::Status WriteState(const NodeMount& mount) {
  const json state = {{"target", mount.target},
                      {"label", mount.label},
                      {"cache_dir", mount.cache_dir},
                      {"fusefs_arguments", mount.fusefs_arguments}};
  const std::string text = state.dump(2, ' ', false, json::error_handler_t::replace);
  return WriteFileAtomically(StateFileOf(mount.id), AsBytes(text), 0600, Replace::kYes,
                             Durable::kNo);
}

mount::SupervisorOptions DaemonOptions(const NodeMount& state) {
  mount::SupervisorOptions options;
  options.runtime_dir = StateDirOf(state.id);
  options.log_file = options.runtime_dir + "/daemons.log";
  options.fusefs_arguments = state.fusefs_arguments;
  return options;
}

absl::StatusOr<mount::MounterOptions> MounterOptionsOf(const std::string& id,
                                                       const std::string& backend) {
  mount::MounterOptions options;
  options.root = StateDirOf(id) + "/root";
  options.refresh_interval = std::chrono::milliseconds(0);
  if (backend == "file") options.backend = mount::Backend::kFile;
  if (backend == "loop") options.backend = mount::Backend::kLoop;
  FLOE_RETURN_IF_ERROR(MakeDirectories(options.root, 0700));
  return options;
}

absl::Status NeedRoot() {
  if (geteuid() == 0) return absl::OkStatus();
  return absl::PermissionDeniedError("mounting needs root; run the command as root");
}

// Nobody watches the daemons of a `floe mount`. A new floe-fusefs is started to unmount, and
// answers what the dead one left.
void TellOfDeath(const mount::SupervisorOptions& daemons, const std::string& target) {
  const mount::FusefsClient fusefs(daemons.runtime_dir + "/fusefs.sock");
  const auto pong = fusefs.Ping(After(std::chrono::seconds(5)));
  if (pong.ok()) return;
  Log(LogLevel::kWarning, "the floe-fusefs of this mount had ended; it is unmounted all the same",
      {{"target", target}, {"log", daemons.log_file}, {"reason", pong.status().message()}});
}

// Ends the daemons and everything mounted through them; says what could not be undone.
absl::Status TearDown(mount::DaemonSupervisor& daemons, mount::ImageMounter* mounter,
                      SteadyTime deadline) {
  absl::Status status;
  if (mounter != nullptr) status = mounter->UnmountAll(deadline);
  status.Update(daemons.Shutdown(deadline));
  return status;
}

// `parent` may be removed by another floe umount as long as nothing is in it.
absl::Status MakeBelow(const std::string& parent, const std::string& id, mode_t mode) {
  const std::string path = absl::StrCat(parent, "/", id);
  for (int attempt = 0; attempt < 100; ++attempt) {
    const absl::Status made = MakeDirectories(parent, 0711);
    if (absl::IsNotFound(made)) continue;
    FLOE_RETURN_IF_ERROR(made);
    if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return absl::OkStatus();
    if (errno != ENOENT) break;
  }
  return ErrnoStatus(errno, absl::StrCat("mkdir ", path));
}

void RemoveFolders(const NodeMount& mount) {
  std::error_code ignored;
  std::filesystem::remove_all(StateDirOf(mount.id), ignored);
  if (!mount.cache_dir.empty()) std::filesystem::remove_all(mount.cache_dir, ignored);
  // Left to others where they have mounts of their own.
  std::filesystem::remove(kMountStateDir, ignored);
  std::filesystem::remove(kMountCacheDir, ignored);
}

// From the running daemons to the tree at the target.
absl::Status MountAt(const NodeMountRequest& request, const NodeMount& state,
                     mount::ImageMounter& mounter) {
  mount::MountRequest mounting;
  mounting.manifest_path = StateDirOf(state.id) + "/manifest";
  mounting.key = kKey;
  mounting.label = request.label;
  mounting.holder = kHolder;
  mounting.deadline = After(request.timeout);
  FLOE_ASSIGN_OR_RETURN(const std::string path, mounter.Mount(mounting));
  // The only look at it: nothing of ours stays that could have a second one.
  if (const absl::Status status = mounter.RefreshReadahead(); !status.ok()) {
    Log(LogLevel::kInfo, "readahead stays short", {{"reason", status.message()}});
  }
  FLOE_ASSIGN_OR_RETURN(const UniqueFd clone, mount::CloneMount(path));
  return mount::MoveMount(clone.get(), state.target);
}

absl::Status StartAndMount(const NodeMountRequest& request, const NodeMount& state) {
  FLOE_ASSIGN_OR_RETURN(const auto daemons, mount::DaemonSupervisor::Start(DaemonOptions(state)));
  std::unique_ptr<mount::ImageMounter> mounter;
  absl::Status status;
  const auto options = MounterOptionsOf(state.id, request.backend);
  status = options.status();
  if (status.ok()) {
    auto created = mount::ImageMounter::Create(*options, *daemons);
    status = created.status();
    if (created.ok()) mounter = *std::move(created);
  }
  if (status.ok()) status = MountAt(request, state, *mounter);
  if (!status.ok()) (void)TearDown(*daemons, mounter.get(), After(std::chrono::seconds(20)));
  return status;
}

}  // namespace

absl::Status MountOnNode(const NodeMountRequest& request) {
  FLOE_RETURN_IF_ERROR(NeedRoot());
  NodeMount state;
  FLOE_ASSIGN_OR_RETURN(state.target, AbsoluteTarget(request.target));
  state.id = IdOf(state.target);
  state.label = request.label;
  if (ReadState(state.id).ok()) {
    return absl::AlreadyExistsError(absl::StrCat("floe has mounted something at ", state.target,
                                                 " already; floe umount ", state.target,
                                                 " ends that"));
  }
  std::error_code error;
  std::string cache_dir = std::filesystem::absolute(request.cache_dir, error).string();
  if (request.cache_dir.empty()) {
    cache_dir = state.cache_dir = absl::StrCat(kMountCacheDir, "/", state.id);
  }
  // The address of metrics belongs to the node's floe-fusefs.
  state.fusefs_arguments = {
      "--config",    std::filesystem::absolute(request.config, error).string(),
      "--store",     request.store,
      "--keys",      request.keys,
      "--cache-dir", cache_dir,
      "--metrics",   ""};
  if (request.allow_unsigned) state.fusefs_arguments.push_back("--allow-unsigned");
  auto remove = absl::MakeCleanup([&] { RemoveFolders(state); });
  FLOE_RETURN_IF_ERROR(MakeBelow(kMountStateDir, state.id, 0711));
  if (request.cache_dir.empty()) FLOE_RETURN_IF_ERROR(MakeBelow(kMountCacheDir, state.id, 0700));
  FLOE_RETURN_IF_ERROR(WriteFileAtomically(StateDirOf(state.id) + "/manifest", request.manifest,
                                           0600, Replace::kYes, Durable::kNo));
  FLOE_RETURN_IF_ERROR(WriteState(state));
  FLOE_RETURN_IF_ERROR(StartAndMount(request, state));
  std::move(remove).Cancel();
  return absl::OkStatus();
}

absl::Status UnmountOnNode(const std::string& target, std::chrono::milliseconds timeout) {
  FLOE_RETURN_IF_ERROR(NeedRoot());
  // A dead mount cannot be resolved any more; then the name as given has to do.
  const auto resolved = AbsoluteTarget(target);
  const std::string absolute = resolved.ok() ? *resolved : target;
  const std::string id = IdOf(absolute);
  const auto state = ReadState(id);
  if (!state.ok()) {
    return absl::NotFoundError(absl::StrCat("floe has mounted nothing at ", target));
  }
  const SteadyTime deadline = After(timeout);
  TellOfDeath(DaemonOptions(*state), absolute);
  FLOE_RETURN_IF_ERROR(mount::UnmountErofs(absolute, deadline));
  FLOE_ASSIGN_OR_RETURN(const auto daemons, mount::DaemonSupervisor::Start(DaemonOptions(*state)));
  FLOE_ASSIGN_OR_RETURN(const auto options, MounterOptionsOf(id, "file"));
  FLOE_ASSIGN_OR_RETURN(const auto mounter, mount::ImageMounter::Create(options, *daemons));
  FLOE_RETURN_IF_ERROR(TearDown(*daemons, mounter.get(), deadline));
  RemoveFolders(*state);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<NodeMount>> ListNodeMounts() {
  std::vector<NodeMount> mounts;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kMountStateDir, error)) {
    auto state = ReadState(entry.path().filename().string());
    if (state.ok()) mounts.push_back(*std::move(state));
  }
  std::sort(mounts.begin(), mounts.end(),
            [](const NodeMount& a, const NodeMount& b) { return a.target < b.target; });
  return mounts;
}

}  // namespace floe::cli
