// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/snapshots_service.h"

#include "snapshotter/service/messages.h"

namespace floe::snapshotter {

namespace api = containerd::services::snapshots::v1;

// As containerd's own service; keeps a message far below the 16 MiB limit.
constexpr int kInfosPerMessage = 100;

grpc::Status SnapshotsService::Prepare(Context* context, const api::PrepareSnapshotRequest* request,
                                       api::PrepareSnapshotResponse* response) {
  return runner_.Run("Prepare", [&]() -> absl::Status {
    FLOE_ASSIGN_OR_RETURN(const auto mounts,
                          snapshotter_.Prepare(request->key(), request->parent(),
                                               FromMap(request->labels()), DeadlineOf(*context)));
    AddMounts(mounts, response->mutable_mounts());
    return absl::OkStatus();
  });
}

grpc::Status SnapshotsService::View(Context* context, const api::ViewSnapshotRequest* request,
                                    api::ViewSnapshotResponse* response) {
  return runner_.Run("View", [&]() -> absl::Status {
    FLOE_ASSIGN_OR_RETURN(const auto mounts,
                          snapshotter_.View(request->key(), request->parent(),
                                            FromMap(request->labels()), DeadlineOf(*context)));
    AddMounts(mounts, response->mutable_mounts());
    return absl::OkStatus();
  });
}

grpc::Status SnapshotsService::Mounts(Context* context, const api::MountsRequest* request,
                                      api::MountsResponse* response) {
  return runner_.Run("Mounts", [&]() -> absl::Status {
    FLOE_ASSIGN_OR_RETURN(const auto mounts,
                          snapshotter_.Mounts(request->key(), DeadlineOf(*context)));
    AddMounts(mounts, response->mutable_mounts());
    return absl::OkStatus();
  });
}

grpc::Status SnapshotsService::Commit(Context*, const api::CommitSnapshotRequest* request, Empty*) {
  return runner_.Run("Commit", [&] {
    return snapshotter_.Commit(request->name(), request->key(), request->parent(),
                               FromMap(request->labels()));
  });
}

grpc::Status SnapshotsService::Remove(Context*, const api::RemoveSnapshotRequest* request, Empty*) {
  return runner_.Run("Remove", [&] { return snapshotter_.Remove(request->key()); });
}

grpc::Status SnapshotsService::Stat(Context*, const api::StatSnapshotRequest* request,
                                    api::StatSnapshotResponse* response) {
  return runner_.Run("Stat", [&]() -> absl::Status {
    FLOE_ASSIGN_OR_RETURN(const Info info, snapshotter_.Stat(request->key()));
    ToMessage(info, response->mutable_info());
    return absl::OkStatus();
  });
}

grpc::Status SnapshotsService::Update(Context*, const api::UpdateSnapshotRequest* request,
                                      api::UpdateSnapshotResponse* response) {
  return runner_.Run("Update", [&]() -> absl::Status {
    Info given;
    given.name = request->info().name();
    given.labels = FromMap(request->info().labels());
    const std::vector<std::string> paths(request->update_mask().paths().begin(),
                                         request->update_mask().paths().end());
    FLOE_ASSIGN_OR_RETURN(const Info info, snapshotter_.Update(given, paths));
    ToMessage(info, response->mutable_info());
    return absl::OkStatus();
  });
}

grpc::Status SnapshotsService::List(Context*, const api::ListSnapshotsRequest* request,
                                    grpc::ServerWriter<api::ListSnapshotsResponse>* writer) {
  return runner_.Run("List", [&]() -> absl::Status {
    api::ListSnapshotsResponse message;
    const auto send = [&]() -> absl::Status {
      if (!writer->Write(message)) return absl::CancelledError("the caller went away");
      message.Clear();
      return absl::OkStatus();
    };
    const std::vector<std::string> filters(request->filters().begin(), request->filters().end());
    FLOE_RETURN_IF_ERROR(snapshotter_.List(filters, [&](const Info& info) -> absl::Status {
      ToMessage(info, message.add_info());
      return message.info_size() < kInfosPerMessage ? absl::OkStatus() : send();
    }));
    return message.info_size() > 0 ? send() : absl::OkStatus();
  });
}

grpc::Status SnapshotsService::Usage(Context*, const api::UsageRequest* request,
                                     api::UsageResponse* response) {
  return runner_.Run("Usage", [&]() -> absl::Status {
    FLOE_ASSIGN_OR_RETURN(const auto usage, snapshotter_.UsageOf(request->key()));
    response->set_size(usage.bytes);
    response->set_inodes(usage.inodes);
    return absl::OkStatus();
  });
}

grpc::Status SnapshotsService::Cleanup(Context*, const api::CleanupRequest*, Empty*) {
  return runner_.Run("Cleanup", [&] { return snapshotter_.Cleanup(); });
}

}  // namespace floe::snapshotter
