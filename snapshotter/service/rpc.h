// SPDX-License-Identifier: Apache-2.0
// What every RPC shares: the one table of codes, deadlines, metrics, and no exception into gRPC.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/status.h"

namespace floe::snapshotter {

// The only place where our codes become gRPC's.
grpc::Status ToGrpc(const absl::Status& status);

// The caller's deadline on the steady clock.
SteadyTime DeadlineOf(const grpc::ServerContext& context);

// Counts and times RPCs: floe_snapshotter_rpc_seconds{method} and
// floe_snapshotter_rpc_errors_total{method,code}. Thread safe.
class RpcRunner {
 public:
  // `metrics` must outlive it.
  explicit RpcRunner(Metrics& metrics) : metrics_(metrics) {}

  // Runs `body`; logs errors that are nobody's fault but ours or the machine's.
  grpc::Status Run(const char* method, const std::function<absl::Status()>& body);

 private:
  Metrics& metrics_;
};

}  // namespace floe::snapshotter
