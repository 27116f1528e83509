// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/diff_service.h"

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "snapshotter/service/messages.h"

namespace floe::snapshotter {

namespace diff_api = ::containerd::services::diff::v1;

grpc::Status DiffService::Apply(grpc::ServerContext*, const diff_api::ApplyRequest*,
                                diff_api::ApplyResponse*) {
  return runner_.Run("Apply", [] {
    return absl::UnimplementedError("floe does not unpack layers; containerd's differ does");
  });
}

grpc::Status DiffService::Diff(grpc::ServerContext* context, const diff_api::DiffRequest* request,
                               diff_api::DiffResponse* response) {
  return runner_.Run("Diff", [&]() -> absl::Status {
    DiffRequest from;
    from.left = FromMounts(request->left());
    from.right = FromMounts(request->right());
    from.media_type = request->media_type();
    from.ref = request->ref();
    from.labels = FromMap(request->labels());
    if (request->has_source_date_epoch()) {
      from.source_date_epoch = request->source_date_epoch().seconds();
    }
    const auto& headers = context->client_metadata();
    const auto name_space = headers.find("containerd-namespace");
    if (name_space != headers.end()) {
      from.name_space.assign(name_space->second.data(), name_space->second.size());
    }
    FLOE_ASSIGN_OR_RETURN(const LayerDescriptor layer,
                          differ_.Diff(from, [context] { return context->IsCancelled(); }));
    ::containerd::types::Descriptor* to = response->mutable_diff();
    to->set_media_type(layer.media_type);
    to->set_digest(layer.digest);
    to->set_size(static_cast<int64_t>(layer.size));
    Log(LogLevel::kInfo, "layer made from a container's own changes",
        {{"digest", layer.digest}, {"bytes", layer.size}});
    return absl::OkStatus();
  });
}

}  // namespace floe::snapshotter
