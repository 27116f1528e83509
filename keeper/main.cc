// SPDX-License-Identifier: Apache-2.0
// floe-keeper: holds the descriptors and small blobs that let floe-snapshotter and floe-fusefs be
// replaced. It must hardly ever change, so it does next to nothing.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "CLI/CLI.hpp"
#include "base/log.h"
#include "base/notify.h"
#include "base/process.h"
#include "keeper/server.h"

namespace {

// Signals become a descriptor, so that the loop has one place to wait.
floe::UniqueFd StopDescriptor() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return floe::UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC));
}

void Prepare() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  prctl(PR_SET_DUMPABLE, 0);  // file keys pass through here
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;  // two descriptors an image
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

}  // namespace

int main(int argc, char** argv) {
  floe::keeper::ServerOptions options;
  options.socket = "/run/floe/keeper.sock";
  CLI::App app("Holds descriptors and small blobs for floe-snapshotter and floe-fusefs.",
               "floe-keeper");
  app.add_option("--socket", options.socket, "Unix socket to serve")->capture_default_str();
  app.add_option("--allow-uid", options.allowed,
                 "A user besides root that may connect (floe-fusefs); repeatable");
  app.set_version_flag("--version", FLOE_VERSION);
  CLI11_PARSE(app, argc, argv);
  Prepare();
  const floe::UniqueFd stop = StopDescriptor();
  auto server = floe::keeper::Server::Listen(options);
  absl::Status status = server.status();
  if (server.ok()) {
    floe::Log(floe::LogLevel::kInfo, "floe-keeper serves", {{"socket", options.socket}});
    if (const absl::Status told = floe::NotifyServiceManager("READY=1"); !told.ok()) {
      floe::Log(floe::LogLevel::kWarning, "the service manager was not told",
                {{"why", told.message()}});
    }
    status = server->Run(stop.get());
  }
  if (status.ok()) return 0;
  std::cerr << "floe-keeper: " << status.message() << "\n";
  return 1;
}
