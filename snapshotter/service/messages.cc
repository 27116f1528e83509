// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/messages.h"

namespace floe::snapshotter {
namespace {

namespace api = containerd::services::snapshots::v1;

// Whole nanoseconds: clients compare times that they got by different calls.
void SetTime(SystemTime time, google::protobuf::Timestamp* message) {
  const auto nanos =
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  const int64_t remainder = (nanos % 1'000'000'000 + 1'000'000'000) % 1'000'000'000;
  message->set_seconds((nanos - remainder) / 1'000'000'000);
  message->set_nanos(static_cast<int32_t>(remainder));
}

}  // namespace

Labels FromMap(const google::protobuf::Map<std::string, std::string>& map) {
  return Labels(map.begin(), map.end());
}

void ToMessage(const Info& info, api::Info* message) {
  message->set_name(info.name);
  message->set_parent(info.parent);
  message->set_kind(static_cast<api::Kind>(info.kind));
  SetTime(info.created, message->mutable_created_at());
  SetTime(info.updated, message->mutable_updated_at());
  for (const auto& [key, value] : info.labels) (*message->mutable_labels())[key] = value;
}

void AddMounts(const std::vector<Mount>& mounts,
               google::protobuf::RepeatedPtrField<containerd::types::Mount>* messages) {
  for (const Mount& mount : mounts) {
    containerd::types::Mount* message = messages->Add();
    message->set_type(mount.type);
    message->set_source(mount.source);
    message->set_target(mount.target);
    for (const std::string& option : mount.options) message->add_options(option);
  }
}

std::vector<Mount> FromMounts(
    const google::protobuf::RepeatedPtrField<containerd::types::Mount>& messages) {
  std::vector<Mount> mounts;
  for (const containerd::types::Mount& message : messages) {
    mounts.push_back({message.type(),
                      message.source(),
                      message.target(),
                      {message.options().begin(), message.options().end()}});
  }
  return mounts;
}

}  // namespace floe::snapshotter
