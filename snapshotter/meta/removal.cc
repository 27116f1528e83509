// SPDX-License-Identifier: Apache-2.0
// The part of the Metastore that Cleanup and the start use: what is there, what may go.
#include "snapshotter/meta/metastore.h"

namespace floe::snapshotter {
namespace {

absl::StatusOr<std::vector<Layer>> Layers(Database& database, absl::string_view sql) {
  FLOE_ASSIGN_OR_RETURN(Statement query, database.Prepare(sql));
  std::vector<Layer> layers;
  while (true) {
    FLOE_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return layers;
    layers.push_back({query.Integer(0), query.Text(1), ""});
  }
}

}  // namespace

absl::StatusOr<std::vector<Layer>> Metastore::Removed() {
  MutexLock lock(mutex_);
  return Layers(*database_, "SELECT id, manifest FROM removed ORDER BY id");
}

absl::Status Metastore::Forget(int64_t id) {
  MutexLock lock(mutex_);
  FLOE_ASSIGN_OR_RETURN(Statement erase, database_->Prepare("DELETE FROM removed WHERE id = ?"));
  return erase.Bind(id).Run();
}

absl::StatusOr<std::set<int64_t>> Metastore::Ids() {
  MutexLock lock(mutex_);
  FLOE_ASSIGN_OR_RETURN(
      const std::vector<Layer> layers,
      Layers(*database_, "SELECT id, '' FROM snapshots UNION ALL SELECT id, '' FROM removed"));
  std::set<int64_t> ids;
  for (const Layer& layer : layers) ids.insert(layer.id);
  return ids;
}

absl::StatusOr<std::vector<Layer>> Metastore::FloeLayers() {
  MutexLock lock(mutex_);
  return Layers(*database_,
                "SELECT id, manifest FROM snapshots WHERE manifest IS NOT NULL ORDER BY id");
}

absl::StatusOr<std::set<std::string>> Metastore::Manifests() {
  MutexLock lock(mutex_);
  FLOE_ASSIGN_OR_RETURN(
      const std::vector<Layer> layers,
      Layers(*database_,
             "SELECT id, manifest FROM snapshots WHERE manifest IS NOT NULL "
             "UNION ALL SELECT id, manifest FROM removed WHERE manifest IS NOT NULL"));
  std::set<std::string> names;
  for (const Layer& layer : layers) names.insert(layer.manifest);
  return names;
}

}  // namespace floe::snapshotter
