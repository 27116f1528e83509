// SPDX-License-Identifier: Apache-2.0
// containerd.services.snapshots.v1: gRPC in, Snapshotter out, no decision of its own.
#pragma once

#include "proto/containerd/services/snapshots/v1/snapshots.grpc.pb.h"
#include "snapshotter/service/rpc.h"
#include "snapshotter/snapshotter.h"

namespace floe::snapshotter {

// Thread safe. Both references must outlive it.
class SnapshotsService final : public containerd::services::snapshots::v1::Snapshots::Service {
 public:
  SnapshotsService(Snapshotter& snapshotter, RpcRunner& runner)
      : snapshotter_(snapshotter), runner_(runner) {}

  using Context = grpc::ServerContext;
  using Empty = google::protobuf::Empty;
  // The requests and answers of containerd.services.snapshots.v1.
  grpc::Status Prepare(
      Context* context, const containerd::services::snapshots::v1::PrepareSnapshotRequest* request,
      containerd::services::snapshots::v1::PrepareSnapshotResponse* response) override;
  grpc::Status View(Context* context,
                    const containerd::services::snapshots::v1::ViewSnapshotRequest* request,
                    containerd::services::snapshots::v1::ViewSnapshotResponse* response) override;
  grpc::Status Mounts(Context* context,
                      const containerd::services::snapshots::v1::MountsRequest* request,
                      containerd::services::snapshots::v1::MountsResponse* response) override;
  grpc::Status Commit(Context* context,
                      const containerd::services::snapshots::v1::CommitSnapshotRequest* request,
                      Empty* response) override;
  grpc::Status Remove(Context* context,
                      const containerd::services::snapshots::v1::RemoveSnapshotRequest* request,
                      Empty* response) override;
  grpc::Status Stat(Context* context,
                    const containerd::services::snapshots::v1::StatSnapshotRequest* request,
                    containerd::services::snapshots::v1::StatSnapshotResponse* response) override;
  grpc::Status Update(
      Context* context, const containerd::services::snapshots::v1::UpdateSnapshotRequest* request,
      containerd::services::snapshots::v1::UpdateSnapshotResponse* response) override;
  grpc::Status List(Context* context,
                    const containerd::services::snapshots::v1::ListSnapshotsRequest* request,
                    grpc::ServerWriter<containerd::services::snapshots::v1::ListSnapshotsResponse>*
                        writer) override;
  grpc::Status Usage(Context* context,
                     const containerd::services::snapshots::v1::UsageRequest* request,
                     containerd::services::snapshots::v1::UsageResponse* response) override;
  grpc::Status Cleanup(Context* context,
                       const containerd::services::snapshots::v1::CleanupRequest* request,
                       Empty* response) override;

 private:
  Snapshotter& snapshotter_;
  RpcRunner& runner_;
};

}  // namespace floe::snapshotter
