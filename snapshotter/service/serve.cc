// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/serve.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <memory>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/metrics_endpoint.h"
#include "base/notify.h"
#include "snapshotter/diff/content_store.h"
#include "snapshotter/diff/differ.h"
#include "snapshotter/directories.h"
#include "snapshotter/service/diff_service.h"
#include "snapshotter/service/rpc.h"
#include "snapshotter/service/server.h"
#include "snapshotter/service/snapshots_service.h"

namespace floe::snapshotter {
namespace {

constexpr std::chrono::seconds kStopPatience(5);
constexpr std::chrono::seconds kShutdownPatience(60);

// Every thread inherits the mask; sigwait() then gets the signals.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

void Warn(const absl::Status& status, absl::string_view what) {
  if (!status.ok()) Log(LogLevel::kWarning, what, {{"reason", status.message()}});
}

}  // namespace

absl::Status Serve(const ProgramOptions& options) {
  const sigset_t stop_signals = BlockStopSignals();
  Metrics metrics;
  ImageLowers images(options.ForImages());
  FLOE_ASSIGN_OR_RETURN(auto snapshotter,
                        Snapshotter::Open(options.ForSnapshotter(), images, Clock::Real()));
  if (options.daemons == DaemonStart::kAtOnce) {
    // Ordinary images work without; the first floe image tries again and tells its user.
    Warn(images.Start(), "the data plane did not start, floe images wait for it");
  }
  std::unique_ptr<MetricsEndpoint> endpoint;
  if (!options.metrics.empty()) {
    FLOE_ASSIGN_OR_RETURN(endpoint, MetricsEndpoint::Listen(options.metrics, metrics));
    endpoint->Serve();
  }
  RpcRunner runner(metrics);
  SnapshotsService snapshots(*snapshotter, runner);
  ContentStore content(options.containerd);
  Differ differ(options.root + "/snapshots", content);
  DiffService diffs(differ, runner);
  FLOE_ASSIGN_OR_RETURN(GrpcServer server, GrpcServer::Start(options.socket, {&snapshots, &diffs}));
  Log(LogLevel::kInfo, "serving containerd",
      {{"socket", options.socket}, {"root", options.root}, {"version", FLOE_VERSION}});
  Warn(NotifyServiceManager("READY=1"), "readiness");

  int signal_number = 0;
  sigwait(&stop_signals, &signal_number);
  Log(LogLevel::kInfo, "stopping; daemons and mounts stay", {{"signal", signal_number}});
  Warn(NotifyServiceManager("STOPPING=1"), "readiness");
  server.Stop(kStopPatience);
  return absl::OkStatus();
}

absl::Status ShutdownAll(const ProgramOptions& options) {
  // Holding the root keeps a floe-snapshotter from starting meanwhile.
  FLOE_ASSIGN_OR_RETURN(const auto directories, Directories::Open(options.root));
  ImageLowers images(options.ForImages());
  return images.Shutdown(std::chrono::steady_clock::now() + kShutdownPatience);
}

}  // namespace floe::snapshotter
