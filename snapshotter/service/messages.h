// SPDX-License-Identifier: Apache-2.0
// Between containerd's messages and our types.
#pragma once

#include <google/protobuf/map.h>

#include <string>
#include <vector>

#include "proto/containerd/services/snapshots/v1/snapshots.pb.h"
#include "proto/containerd/types/mount.pb.h"
#include "snapshotter/meta/snapshot.h"
#include "snapshotter/mounts.h"

namespace floe::snapshotter {

Labels FromMap(const google::protobuf::Map<std::string, std::string>& map);
void ToMessage(const Info& info, containerd::services::snapshots::v1::Info* message);
void AddMounts(const std::vector<Mount>& mounts,
               google::protobuf::RepeatedPtrField<containerd::types::Mount>* messages);
std::vector<Mount> FromMounts(
    const google::protobuf::RepeatedPtrField<containerd::types::Mount>& messages);

}  // namespace floe::snapshotter
