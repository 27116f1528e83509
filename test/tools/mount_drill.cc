// SPDX-License-Identifier: Apache-2.0
// link: mount
// mount/ with the real daemons, driven line by line by test/fault/mount_test.py.
//
// usage: mount_drill RUNTIME_DIR ROOT LOG BACKEND [floe-fusefs argument...]
//   commands on standard input, one answer line each ("ok ..." or "error CODE TEXT"); at the end of
//   the input the program ends and leaves daemons and mounts alone:
//     mount KEY MANIFEST HOLDER | many N KEY MANIFEST | clone KEY MANIFEST HOLDER UIDS GIDS
//     release KEY HOLDER | drop | alive KEY | list | state | metrics | shutdown
#include <iostream>
#include <latch>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "mount/daemon_supervisor.h"
#include "mount/image_mounter.h"

namespace {

using floe::SteadyTime;
using floe::mount::DaemonState;
using floe::mount::DaemonSupervisor;
using floe::mount::ImageMounter;

SteadyTime Later() { return floe::Clock::Real().Now() + std::chrono::seconds(60); }

class Drill {
 public:
  Drill(std::unique_ptr<DaemonSupervisor> daemons, std::unique_ptr<ImageMounter> mounter)
      : daemons_(std::move(daemons)), mounter_(std::move(mounter)) {}

  absl::StatusOr<std::string> Do(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    std::string key;
    std::string manifest;
    std::string holder;
    words >> command;
    if (command == "mount" || command == "clone") {
      words >> key >> manifest >> holder;
      const floe::mount::MountRequest request{manifest, key, key, holder, Later()};
      if (command == "mount") return mounter_->Mount(request);
      std::string uids;
      std::string gids;
      words >> uids >> gids;
      FLOE_ASSIGN_OR_RETURN(const auto mapping, floe::mount::ParseIdMapping(uids, gids));
      return mounter_->MountIdmapped(request, mapping);
    }
    if (command == "many") {
      size_t count = 0;
      words >> count >> key >> manifest;
      return Many(count, key, manifest);
    }
    if (command == "release") {
      words >> key >> holder;
      return Done(mounter_->Release(key, holder, Later()));
    }
    if (command == "alive") {
      words >> key;
      return Done(mounter_->CheckAlive(key));
    }
    if (command == "drop") return Done(mounter_->DropUnheld(Later()));
    if (command == "list") return List();
    if (command == "state") return State();
    if (command == "metrics") return Metrics();
    if (command != "shutdown") return absl::InvalidArgumentError(line);
    FLOE_RETURN_IF_ERROR(mounter_->UnmountAll(Later()));
    mounter_.reset();
    return Done(daemons_->Shutdown(Later()));
  }

 private:
  static absl::StatusOr<std::string> Done(const absl::Status& status) {
    if (!status.ok()) return status;
    return "";
  }
  // `count` holders at the same time; the path if all got the same.
  absl::StatusOr<std::string> Many(size_t count, const std::string& key,
                                   const std::string& manifest) {
    std::vector<absl::StatusOr<std::string>> paths(count, absl::UnknownError("not asked"));
    std::latch go(static_cast<ptrdiff_t>(count));
    std::vector<std::thread> threads;
    for (size_t i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        go.arrive_and_wait();
        paths[i] = mounter_->Mount({manifest, key, key, absl::StrCat("many", i), Later()});
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& path : paths) {
      FLOE_RETURN_IF_ERROR(path.status());
      if (*path != *paths[0]) return absl::InternalError(absl::StrCat(*path, " and ", *paths[0]));
    }
    return paths[0];
  }
  absl::StatusOr<std::string> List() const {
    std::string text;
    for (const auto& info : mounter_->List()) {
      absl::StrAppend(&text, text.empty() ? "" : " ", info.key, "=", info.path, "=", info.name);
    }
    return text;
  }
  absl::StatusOr<std::string> State() const {
    const DaemonState keeper = daemons_->keeper_state();
    const DaemonState fusefs = daemons_->fusefs_state();
    return absl::StrCat(keeper.pid, " ", fusefs.pid, " ", keeper.adopted, " ", fusefs.adopted, " ",
                        fusefs.restarts, " ", BackendName(mounter_->backend()));
  }
  absl::StatusOr<std::string> Metrics() const {
    FLOE_ASSIGN_OR_RETURN(const std::string text, daemons_->fusefs().Metrics(Later()));
    return absl::StrCat(text.size());
  }

  std::unique_ptr<DaemonSupervisor> daemons_;
  std::unique_ptr<ImageMounter> mounter_;
};

absl::StatusOr<Drill> Start(const std::vector<std::string>& arguments) {
  floe::mount::SupervisorOptions options;
  options.runtime_dir = arguments[0];
  options.log_file = arguments[2];
  options.fusefs_arguments.assign(arguments.begin() + 4, arguments.end());
  FLOE_ASSIGN_OR_RETURN(auto daemons, DaemonSupervisor::Start(options));
  floe::mount::MounterOptions mounting;
  mounting.root = arguments[1];
  if (arguments[3] == "file") mounting.backend = floe::mount::Backend::kFile;
  if (arguments[3] == "loop") mounting.backend = floe::mount::Backend::kLoop;
  FLOE_ASSIGN_OR_RETURN(auto mounter, ImageMounter::Create(mounting, *daemons));
  return Drill(std::move(daemons), std::move(mounter));
}

void Answer(const absl::StatusOr<std::string>& answer) {
  if (answer.ok()) {
    std::cout << "ok " << *answer << std::endl;
    return;
  }
  std::cout << "error " << absl::StatusCodeToString(answer.status().code()) << " "
            << answer.status().message() << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  absl::StatusOr<Drill> drill = Start(std::vector<std::string>(argv + 1, argv + argc));
  Answer(drill.ok() ? absl::StatusOr<std::string>("") : drill.status());
  if (!drill.ok()) return 1;
  for (std::string line; std::getline(std::cin, line);) Answer(drill->Do(line));
  return 0;
}
