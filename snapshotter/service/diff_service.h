// SPDX-License-Identifier: Apache-2.0
// containerd.services.diff.v1: gRPC in, Differ out.
#pragma once

#include "proto/containerd/services/diff/v1/diff.grpc.pb.h"
#include "snapshotter/diff/differ.h"
#include "snapshotter/service/rpc.h"

namespace floe::snapshotter {

// Thread safe. Both references must outlive it.
class DiffService final : public ::containerd::services::diff::v1::Diff::Service {
 public:
  DiffService(Differ& differ, RpcRunner& runner) : differ_(differ), runner_(runner) {}

  // UNIMPLEMENTED: containerd's walking differ unpacks layers.
  grpc::Status Apply(grpc::ServerContext* context,
                     const ::containerd::services::diff::v1::ApplyRequest* request,
                     ::containerd::services::diff::v1::ApplyResponse* response) override;
  grpc::Status Diff(grpc::ServerContext* context,
                    const ::containerd::services::diff::v1::DiffRequest* request,
                    ::containerd::services::diff::v1::DiffResponse* response) override;

 private:
  Differ& differ_;
  RpcRunner& runner_;
};

}  // namespace floe::snapshotter
