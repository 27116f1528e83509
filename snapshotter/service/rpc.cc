// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/rpc.h"

#include <exception>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace floe::snapshotter {
namespace {

// containerd's clients try again on UNAVAILABLE and tell the user everything else. What the caller
// can do about it decides, as in base/status.h.
grpc::StatusCode CodeFor(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return grpc::StatusCode::OK;
    case absl::StatusCode::kNotFound:
      return grpc::StatusCode::NOT_FOUND;
    case absl::StatusCode::kAlreadyExists:
      return grpc::StatusCode::ALREADY_EXISTS;
    case absl::StatusCode::kInvalidArgument:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kDataLoss:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kAborted:
      return grpc::StatusCode::UNAVAILABLE;
    case absl::StatusCode::kResourceExhausted:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case absl::StatusCode::kCancelled:
      return grpc::StatusCode::CANCELLED;
    case absl::StatusCode::kUnimplemented:
      return grpc::StatusCode::UNIMPLEMENTED;
    case absl::StatusCode::kOutOfRange:
      return grpc::StatusCode::OUT_OF_RANGE;
    default:
      return grpc::StatusCode::INTERNAL;
  }
}

bool WorthALine(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::CANCELLED:
      return false;
    default:
      return true;
  }
}

absl::Status Guarded(const std::function<absl::Status()>& body) {
  try {
    return body();
  } catch (const std::exception& exception) {
    return absl::InternalError(absl::StrCat("unexpected: ", exception.what()));
  }
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(CodeFor(status.code()), std::string(status.message()));
}

SteadyTime DeadlineOf(const grpc::ServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return kNoDeadline;
  const auto left = deadline - std::chrono::system_clock::now();
  if (left > std::chrono::hours(24)) return kNoDeadline;
  return std::chrono::steady_clock::now() + left;
}

grpc::Status RpcRunner::Run(const char* method, const std::function<absl::Status()>& body) {
  const auto start = std::chrono::steady_clock::now();
  const absl::Status status = Guarded(body);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  metrics_
      .GetHistogram("floe_snapshotter_rpc_seconds", "Time that containerd's calls took.",
                    {{"method", method}})
      .Observe(took.count());
  const grpc::Status answer = ToGrpc(status);
  if (!answer.ok()) {
    metrics_
        .GetCounter("floe_snapshotter_rpc_errors_total", "containerd's calls that failed, by code.",
                    {{"method", method}, {"code", absl::StatusCodeToString(status.code())}})
        .Add();
  }
  if (WorthALine(answer.error_code())) {
    Log(LogLevel::kWarning, "call failed", {{"method", method}, {"reason", status.ToString()}});
  }
  return answer;
}

}  // namespace floe::snapshotter
