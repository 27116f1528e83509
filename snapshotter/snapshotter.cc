// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/snapshotter.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/log.h"
#include "snapshotter/disk_usage.h"
#include "snapshotter/filter/filter.h"
#include "snapshotter/recognise.h"

namespace floe::snapshotter {
namespace {

std::optional<std::string> ReadField(const Info& info, const std::vector<std::string>& path) {
  const std::string& first = path[0];
  if (first == "name") return info.name;
  if (first == "parent") return info.parent;
  if (first == "kind") {
    if (info.kind == Kind::kActive) return "active";
    return info.kind == Kind::kView ? "view" : "committed";
  }
  if (first != "labels") return std::nullopt;
  // A label's name may hold dots that were not quoted.
  std::string name;
  for (size_t i = 1; i < path.size(); ++i) absl::StrAppend(&name, i > 1 ? "." : "", path[i]);
  const auto label = info.labels.find(name);
  if (label == info.labels.end()) return std::nullopt;
  return label->second;
}

absl::StatusOr<Metastore::UpdatedLabels> LabelsNamed(const std::vector<std::string>& paths) {
  if (paths.empty()) return Metastore::UpdatedLabels();
  std::set<std::string> names;
  bool all = false;
  for (const std::string& path : paths) {
    absl::string_view rest = path;
    if (path == "labels") {
      all = true;
    } else if (absl::ConsumePrefix(&rest, "labels.")) {
      names.emplace(rest);
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot update the field \"", path, "\" of a snapshot, only its labels"));
    }
  }
  return all ? Metastore::UpdatedLabels() : Metastore::UpdatedLabels(std::move(names));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Snapshotter>> Snapshotter::Open(SnapshotterOptions options,
                                                               LowerProvider& lowers,
                                                               Clock& clock) {
  FLOE_ASSIGN_OR_RETURN(auto directories, Directories::Open(options.root));
  FLOE_ASSIGN_OR_RETURN(auto meta, Metastore::Open(directories->DatabasePath(), clock));
  FLOE_ASSIGN_OR_RETURN(const std::vector<LowerRequest> held, Held(*meta));
  FLOE_RETURN_IF_ERROR(lowers.Recover(held));
  std::unique_ptr<Snapshotter> snapshotter(
      new Snapshotter(std::move(options), std::move(directories), std::move(meta), lowers, clock));
  const absl::Status cleaned = snapshotter->Cleanup();
  if (!cleaned.ok()) Log(LogLevel::kWarning, "cleanup", {{"reason", cleaned.message()}});
  return snapshotter;
}

SteadyTime Snapshotter::Limit(SteadyTime deadline) const {
  return std::min(deadline, clock_.Now() + options_.mount_timeout);
}

absl::StatusOr<std::vector<Mount>> Snapshotter::Prepare(const std::string& key,
                                                        const std::string& parent,
                                                        const Labels& labels, SteadyTime deadline) {
  return Create(Kind::kActive, key, parent, labels, Limit(deadline));
}

absl::StatusOr<std::vector<Mount>> Snapshotter::View(const std::string& key,
                                                     const std::string& parent,
                                                     const Labels& labels, SteadyTime deadline) {
  return Create(Kind::kView, key, parent, labels, Limit(deadline));
}

absl::StatusOr<std::vector<Mount>> Snapshotter::Mounts(const std::string& key,
                                                       SteadyTime deadline) {
  FLOE_ASSIGN_OR_RETURN(const Snapshot snapshot, meta_->Get(key));
  if (snapshot.info.kind == Kind::kCommitted) {
    return absl::FailedPreconditionError(
        absl::StrCat("snapshot ", key, " is committed; only active snapshots and views mount"));
  }
  return MountsOf(snapshot, Limit(deadline));
}

absl::StatusOr<std::vector<Mount>> Snapshotter::Create(Kind kind, const std::string& key,
                                                       const std::string& parent,
                                                       const Labels& labels, SteadyTime deadline) {
  FLOE_ASSIGN_OR_RETURN(const std::optional<mount::IdMapping> mapping, MappingFromLabels(labels));
  FLOE_ASSIGN_OR_RETURN(const std::vector<Layer> chain, ChainBelow(parent));
  if (meta_->Get(key).ok()) {
    return absl::AlreadyExistsError(absl::StrCat("snapshot ", key, " exists already"));
  }
  // Mounts the image, if there is one, outside any lock: it may take as long as a network does.
  auto snapshot = [&]() -> absl::StatusOr<Snapshot> {
    FLOE_ASSIGN_OR_RETURN(const DirectoryAttributes root,
                          RootAttributes(kind, chain, mapping, deadline));
    const bool work = kind == Kind::kActive && !chain.empty();
    FLOE_ASSIGN_OR_RETURN(
        Directories::Staged staged,
        directories_->Stage(root, work ? WorkDirectory::kYes : WorkDirectory::kNo));
    FLOE_ASSIGN_OR_RETURN(
        Snapshot created,
        meta_->Create(kind, key, parent, labels, [&](int64_t id) { return staged.Publish(id); }));
    staged.Keep();
    return created;
  }();
  if (!snapshot.ok()) {
    ReleaseIfRemoved(chain);
    return snapshot.status();
  }
  auto mounts = MountsOf(*snapshot, deadline);
  if (!mounts.ok()) {
    const absl::Status undone = Remove(key);
    if (!undone.ok()) Log(LogLevel::kWarning, "undo", {{"key", key}, {"reason", undone.message()}});
  }
  return mounts;
}

absl::StatusOr<std::vector<Layer>> Snapshotter::ChainBelow(const std::string& parent) {
  if (parent.empty()) return std::vector<Layer>();
  auto found = meta_->Get(parent);
  if (absl::IsNotFound(found.status())) {
    return absl::NotFoundError(absl::StrCat("parent snapshot ", parent, " does not exist"));
  }
  FLOE_RETURN_IF_ERROR(found.status());
  if (found->info.kind != Kind::kCommitted) {
    return absl::InvalidArgumentError(
        absl::StrCat("parent snapshot ", parent, " is not committed"));
  }
  std::vector<Layer> chain = std::move(found->parents);
  chain.insert(chain.begin(), found->self);
  return chain;
}

// The root of the new layer shows through as the container's "/": it looks like the parent's.
// Here, and nowhere else, a new container may be refused because the origin cannot keep up.
absl::StatusOr<DirectoryAttributes> Snapshotter::RootAttributes(
    Kind kind, const std::vector<Layer>& chain, const std::optional<mount::IdMapping>& mapping,
    SteadyTime deadline) {
  DirectoryAttributes root;
  for (const Layer& layer : chain) {
    const bool may_refuse = kind == Kind::kActive;
    FLOE_ASSIGN_OR_RETURN(const std::string lower, PlainLower(layer, deadline, may_refuse));
    if (&layer != &chain.front()) continue;
    FLOE_ASSIGN_OR_RETURN(root, AttributesOf(lower));
  }
  if (mapping) {
    FLOE_ASSIGN_OR_RETURN(root.uid, ToHost(mapping->uids, root.uid));
    FLOE_ASSIGN_OR_RETURN(root.gid, ToHost(mapping->gids, root.gid));
  }
  return root;
}

absl::StatusOr<std::string> Snapshotter::PlainLower(const Layer& layer, SteadyTime deadline,
                                                    bool may_refuse) {
  if (!layer.floe()) return directories_->FilesPath(layer.id);
  return lowers_.Acquire(
      {layer.manifest, layer.name, HolderOf(layer.id), {}, deadline, may_refuse});
}

absl::StatusOr<std::string> Snapshotter::MappedLower(const Snapshot& snapshot, const Layer& layer,
                                                     const mount::IdMapping& mapping,
                                                     SteadyTime deadline) {
  FLOE_ASSIGN_OR_RETURN(
      const std::string lower,
      lowers_.Acquire({layer.manifest, layer.name, HolderOf(snapshot.self.id), mapping, deadline}));
  return layer.floe() ? lower : absl::StrCat(lower, "/", layer.id, "/fs");
}

absl::StatusOr<std::vector<std::string>> Snapshotter::LowersOf(const Snapshot& snapshot,
                                                               SteadyTime deadline) {
  FLOE_ASSIGN_OR_RETURN(const std::optional<mount::IdMapping> mapping,
                        MappingFromLabels(snapshot.info.labels));
  std::vector<std::string> lowers;
  for (const Layer& layer : snapshot.parents) {
    FLOE_ASSIGN_OR_RETURN(std::string lower, PlainLower(layer, deadline));
    if (mapping) {
      FLOE_ASSIGN_OR_RETURN(lower, MappedLower(snapshot, layer, *mapping, deadline));
    }
    lowers.push_back(std::move(lower));
  }
  return lowers;
}

absl::StatusOr<std::vector<Mount>> Snapshotter::MountsOf(const Snapshot& snapshot,
                                                         SteadyTime deadline) {
  MountInputs inputs;
  inputs.kind = snapshot.info.kind;
  inputs.upper = directories_->FilesPath(snapshot.self.id);
  inputs.work = directories_->WorkPath(snapshot.self.id);
  inputs.overlay_options = options_.overlay_options;
  FLOE_ASSIGN_OR_RETURN(inputs.lowers, LowersOf(snapshot, deadline));
  return BuildMounts(inputs);
}

// A layer may be removed and cleaned up while its image is being mounted for a child that then
// cannot come to be.
void Snapshotter::ReleaseIfRemoved(const std::vector<Layer>& chain) {
  for (const Layer& layer : chain) {
    if (!layer.floe()) continue;
    const auto found = meta_->Get(layer.name);
    if (found.ok() && found->self.id == layer.id) continue;
    const absl::Status released = lowers_.Release(HolderOf(layer.id));
    if (!released.ok()) Log(LogLevel::kWarning, "release", {{"reason", released.message()}});
  }
}

absl::Status Snapshotter::Commit(const std::string& name, const std::string& key,
                                 const std::string& parent, const Labels& labels) {
  if (meta_->Get(name).ok()) {
    return absl::AlreadyExistsError(absl::StrCat("committed snapshot ", name, " exists already"));
  }
  FLOE_ASSIGN_OR_RETURN(const Snapshot snapshot, meta_->Get(key));
  if (snapshot.info.kind != Kind::kActive) {
    return absl::FailedPreconditionError(absl::StrCat("snapshot ", key, " is not active"));
  }
  Metastore::Measured measured;
  measured.id = snapshot.self.id;
  FLOE_ASSIGN_OR_RETURN(measured.usage, MeasureUsage(directories_->FilesPath(measured.id)));
  MutexLock lock(manifests_mutex_);
  FLOE_ASSIGN_OR_RETURN(measured.manifest, KeepIfFloe(snapshot, parent));
  FLOE_RETURN_IF_ERROR(meta_->Commit(name, key, parent, labels, measured));
  usage_.Forget(measured.id);
  if (!measured.manifest.empty()) {
    Log(LogLevel::kInfo, "floe layer committed",
        {{"snapshot", name}, {"manifest", measured.manifest}});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Snapshotter::KeepIfFloe(const Snapshot& snapshot,
                                                    const std::string& parent) {
  if (!snapshot.parents.empty() || !parent.empty()) return "";
  FLOE_ASSIGN_OR_RETURN(const UniqueFd manifest,
                        FindManifest(directories_->FilesPath(snapshot.self.id)));
  if (!manifest) return "";
  return KeepManifest(manifest.get(), directories_->ManifestsPath());
}

absl::Status Snapshotter::Remove(const std::string& key) { return meta_->Remove(key); }

absl::StatusOr<Info> Snapshotter::Stat(const std::string& key) {
  FLOE_ASSIGN_OR_RETURN(Snapshot snapshot, meta_->Get(key));
  return std::move(snapshot.info);
}

absl::StatusOr<Info> Snapshotter::Update(const Info& info, const std::vector<std::string>& paths) {
  FLOE_ASSIGN_OR_RETURN(const Metastore::UpdatedLabels which, LabelsNamed(paths));
  return meta_->Update(info.name, info.labels, which);
}

absl::Status Snapshotter::List(const std::vector<std::string>& filters,
                               const std::function<absl::Status(const Info&)>& visit) {
  FLOE_ASSIGN_OR_RETURN(const Filter filter, Filter::Parse(filters));
  FLOE_ASSIGN_OR_RETURN(const std::vector<Info> infos, meta_->List());
  for (const Info& info : infos) {
    const bool matches = filter.Matches(
        [&info](const std::vector<std::string>& path) { return ReadField(info, path); });
    if (matches) FLOE_RETURN_IF_ERROR(visit(info));
  }
  return absl::OkStatus();
}

absl::StatusOr<Usage> Snapshotter::UsageOf(const std::string& key) {
  FLOE_ASSIGN_OR_RETURN(const Snapshot snapshot, meta_->Get(key));
  if (snapshot.info.kind == Kind::kCommitted) return snapshot.usage;
  const int64_t id = snapshot.self.id;
  return usage_.Get(id, [&] { return MeasureUsage(directories_->FilesPath(id)); });
}

}  // namespace floe::snapshotter
