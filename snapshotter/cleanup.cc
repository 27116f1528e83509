// SPDX-License-Identifier: Apache-2.0
// What Remove only marked and what a crash left (Cleanup), and what was held before a restart.
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "snapshotter/snapshotter.h"

namespace floe::snapshotter {

absl::StatusOr<std::vector<LowerRequest>> Snapshotter::Held(Metastore& meta) {
  std::vector<LowerRequest> held;
  FLOE_ASSIGN_OR_RETURN(std::vector<Layer> layers, meta.FloeLayers());
  FLOE_ASSIGN_OR_RETURN(const std::vector<Layer> removed, meta.Removed());
  layers.insert(layers.end(), removed.begin(), removed.end());
  for (const Layer& layer : layers) {
    if (layer.floe()) held.push_back({layer.manifest, layer.name, HolderOf(layer.id), {}, {}});
  }
  FLOE_ASSIGN_OR_RETURN(const std::vector<Info> infos, meta.List());
  for (const Info& info : infos) {
    const auto mapping = MappingFromLabels(info.labels);
    if (info.kind == Kind::kCommitted || !mapping.ok() || !mapping->has_value()) continue;
    FLOE_ASSIGN_OR_RETURN(const Snapshot snapshot, meta.Get(info.name));
    for (const Layer& layer : snapshot.parents) {
      held.push_back({layer.manifest, layer.name, HolderOf(snapshot.self.id), *mapping, {}});
    }
  }
  return held;
}

absl::Status Snapshotter::Cleanup() {
  MutexLock lock(cleanup_mutex_);
  FLOE_ASSIGN_OR_RETURN(std::vector<Layer> removed, meta_->Removed());
  // Children have greater ids than what they stand on.
  std::reverse(removed.begin(), removed.end());
  absl::Status first;
  for (const Layer& layer : removed) {
    const absl::Status status = CleanUpLayer(layer);
    if (status.ok()) continue;
    Log(LogLevel::kWarning, "cleanup of a removed snapshot; it is tried again next time",
        {{"id", layer.id}, {"reason", status.message()}});
    first.Update(status);
  }
  first.Update(SweepLeftovers());
  first.Update(SweepManifests());
  return first;
}

absl::Status Snapshotter::CleanUpLayer(const Layer& layer) {
  usage_.Forget(layer.id);
  FLOE_RETURN_IF_ERROR(lowers_.Release(HolderOf(layer.id)));
  FLOE_RETURN_IF_ERROR(directories_->RemoveSnapshot(layer.id));
  return meta_->Forget(layer.id);
}

absl::Status Snapshotter::SweepLeftovers() {
  // In this order: a snapshot that comes to be in between is in the records, whether or not its
  // directory was seen.
  FLOE_ASSIGN_OR_RETURN(const std::set<std::string> names, directories_->ListSnapshots());
  FLOE_ASSIGN_OR_RETURN(const std::set<int64_t> ids, meta_->Ids());
  absl::Status first;
  for (const std::string& name : names) {
    int64_t id = 0;
    if (absl::SimpleAtoi(name, &id) && ids.count(id) > 0) continue;
    Log(LogLevel::kInfo, "removing what an interrupted call left", {{"directory", name}});
    first.Update(directories_->RemoveLeftover(name));
  }
  return first;
}

absl::Status Snapshotter::SweepManifests() {
  MutexLock lock(manifests_mutex_);
  FLOE_ASSIGN_OR_RETURN(const std::set<std::string> used, meta_->Manifests());
  FLOE_ASSIGN_OR_RETURN(const std::set<std::string> present, directories_->ListManifests());
  absl::Status first;
  for (const std::string& name : present) {
    if (used.count(name) == 0) first.Update(directories_->RemoveManifest(name));
  }
  return first;
}

}  // namespace floe::snapshotter
