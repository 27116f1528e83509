// SPDX-License-Identifier: Apache-2.0
// containerd's contract: the ten operations on snapshots, with the codes and semantics of its own
// overlayfs snapshotter, and floe layers beneath.
//
// A floe layer (recognise.h) stays one for good: its manifest is kept in manifests/, its image is
// mounted once for all snapshots that stand on it, from the first Prepare or View on it until it is
// removed. What makes an image unusable here (damaged, too new, foreign key, untrusted signer)
// never fails the Commit, that is the pull, but every Prepare, View and Mounts, with the reason and
// the remedy: containerd's clients show that text to the user.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "snapshotter/directories.h"
#include "snapshotter/id_mapping.h"
#include "snapshotter/lower_provider.h"
#include "snapshotter/meta/metastore.h"
#include "snapshotter/mounts.h"
#include "snapshotter/usage_cache.h"

namespace floe::snapshotter {

struct SnapshotterOptions {
  std::string root = "/var/lib/floe";  // one containerd's; 0700
  // How long Prepare, View and Mounts wait for an image to be mounted, unless the caller's own
  // deadline is nearer. Not long: containerd's garbage collection waits for every Prepare on its
  // way, and every other call then waits for the collection.
  std::chrono::milliseconds mount_timeout{15000};
  std::vector<std::string> overlay_options = OverlayOptionsHere();
};

// Thread safe. Every change is durable and whole when the call returns OK, whenever the machine
// stops. Codes besides those named: RESOURCE_EXHAUSTED (disk full), INTERNAL.
class Snapshotter {
 public:
  // Takes the root (FAILED_PRECONDITION when another process has it), clears away what a crash left
  // and tells `lowers` what is held. `lowers` and `clock` must outlive it.
  static absl::StatusOr<std::unique_ptr<Snapshotter>> Open(SnapshotterOptions options,
                                                           LowerProvider& lowers, Clock& clock);

  // A writable snapshot on `parent` (empty: none). NOT_FOUND: parent; INVALID_ARGUMENT: parent not
  // committed; ALREADY_EXISTS: key; FAILED_PRECONDITION, UNAVAILABLE: the parent's image.
  absl::StatusOr<std::vector<Mount>> Prepare(const std::string& key, const std::string& parent,
                                             const Labels& labels,
                                             SteadyTime deadline = kNoDeadline);
  // The same, read-only.
  absl::StatusOr<std::vector<Mount>> View(const std::string& key, const std::string& parent,
                                          const Labels& labels, SteadyTime deadline = kNoDeadline);
  // NOT_FOUND; FAILED_PRECONDITION: committed, or the image; UNAVAILABLE: the image, now.
  absl::StatusOr<std::vector<Mount>> Mounts(const std::string& key,
                                            SteadyTime deadline = kNoDeadline);
  // Codes: Metastore::Commit. Fast but for measuring the layer: containerd holds a lock meanwhile.
  absl::Status Commit(const std::string& name, const std::string& key, const std::string& parent,
                      const Labels& labels);
  // Forgets the key, which can be used again at once. Directories and mounts go in Cleanup.
  absl::Status Remove(const std::string& key);
  absl::StatusOr<Info> Stat(const std::string& key);
  // `paths` as in a field mask: "labels" or "labels.<name>"; none: all labels. INVALID_ARGUMENT for
  // any other.
  absl::StatusOr<Info> Update(const Info& info, const std::vector<std::string>& paths);
  // Calls `visit` for each snapshot that one of `filters` matches, without any lock held; its error
  // ends the walk.
  absl::Status List(const std::vector<std::string>& filters,
                    const std::function<absl::Status(const Info&)>& visit);
  // Active: measured, at most a twentieth of the time (usage_cache.h). Committed: as of Commit.
  absl::StatusOr<Usage> UsageOf(const std::string& key);
  // Releases images and deletes directories of removed snapshots, and what a crash left. Goes on
  // after an error and returns the first.
  absl::Status Cleanup() FLOE_EXCLUDES(cleanup_mutex_);

 private:
  Snapshotter(SnapshotterOptions options, std::unique_ptr<Directories> directories,
              std::unique_ptr<Metastore> meta, LowerProvider& lowers, Clock& clock)
      : options_(std::move(options)),
        directories_(std::move(directories)),
        meta_(std::move(meta)),
        lowers_(lowers),
        clock_(clock),
        usage_(clock) {}

  absl::StatusOr<std::vector<Mount>> Create(Kind kind, const std::string& key,
                                            const std::string& parent, const Labels& labels,
                                            SteadyTime deadline);
  absl::StatusOr<std::vector<Layer>> ChainBelow(const std::string& parent);
  absl::StatusOr<DirectoryAttributes> RootAttributes(Kind kind, const std::vector<Layer>& chain,
                                                     const std::optional<mount::IdMapping>& mapping,
                                                     SteadyTime deadline);
  absl::StatusOr<std::string> PlainLower(const Layer& layer, SteadyTime deadline,
                                         bool may_refuse = false);
  absl::StatusOr<std::string> MappedLower(const Snapshot& snapshot, const Layer& layer,
                                          const mount::IdMapping& mapping, SteadyTime deadline);
  absl::StatusOr<std::vector<std::string>> LowersOf(const Snapshot& snapshot, SteadyTime deadline);
  absl::StatusOr<std::vector<Mount>> MountsOf(const Snapshot& snapshot, SteadyTime deadline);
  void ReleaseIfRemoved(const std::vector<Layer>& chain);
  absl::StatusOr<std::string> KeepIfFloe(const Snapshot& snapshot, const std::string& parent);
  absl::Status CleanUpLayer(const Layer& layer);
  absl::Status SweepLeftovers();
  absl::Status SweepManifests() FLOE_EXCLUDES(manifests_mutex_);
  SteadyTime Limit(SteadyTime deadline) const;
  // Who holds the mount of a floe layer: the layer itself, which goes after all that stands on it.
  // Who holds an idmapped clone: the snapshot that asked for it.
  static std::string HolderOf(int64_t id) { return absl::StrCat("layer-", id); }
  static absl::StatusOr<std::vector<LowerRequest>> Held(Metastore& meta);

  const SnapshotterOptions options_;
  const std::unique_ptr<Directories> directories_;
  const std::unique_ptr<Metastore> meta_;
  LowerProvider& lowers_;
  Clock& clock_;
  UsageCache usage_;
  Mutex cleanup_mutex_;  // one Cleanup at a time
  // Held from the copy of a manifest to its record, and from the look at all records to the removal
  // of a manifest.
  Mutex manifests_mutex_;
};

}  // namespace floe::snapshotter
