// SPDX-License-Identifier: Apache-2.0
// The records of all snapshots, in SQLite. Codes and semantics are those of containerd's own
// metadata (the proxy client and containerd's garbage collector rely on them); the schema is in
// doc/snapshotter-state.md.
//
// Thread safe. Every change is one transaction, durable when the call returns OK; a failed call
// changed nothing. No call waits for anything but the disk.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "snapshotter/meta/database.h"
#include "snapshotter/meta/snapshot.h"

namespace floe::snapshotter {

class Metastore {
 public:
  // `clock` must outlive it. FAILED_PRECONDITION when a newer floe wrote the file.
  static absl::StatusOr<std::unique_ptr<Metastore>> Open(const std::string& path, Clock& clock);

  // A new active snapshot or view. NOT_FOUND: no such parent; INVALID_ARGUMENT: parent not
  // committed, or no key; ALREADY_EXISTS: the key is taken. `publish` runs inside the transaction,
  // when the id is known, and its error undoes everything: it puts the directory in place.
  absl::StatusOr<Snapshot> Create(Kind kind, const std::string& key, const std::string& parent,
                                  const Labels& labels,
                                  const std::function<absl::Status(int64_t id)>& publish)
      FLOE_EXCLUDES(mutex_);

  // What a Commit found out beforehand about the snapshot with this id.
  struct Measured {
    int64_t id = 0;
    Usage usage;
    std::string manifest;  // of a floe layer
  };
  // Turns the active `key` into the committed `name`; labels replace. `parent` (may be empty) gives
  // a parent to a snapshot that has none. ALREADY_EXISTS: name; NOT_FOUND: key, parent;
  // FAILED_PRECONDITION: key not active, parent not committed; INVALID_ARGUMENT: another parent;
  // ABORTED: `key` is another snapshot than the measured one by now.
  absl::Status Commit(const std::string& name, const std::string& key, const std::string& parent,
                      const Labels& labels, const Measured& measured) FLOE_EXCLUDES(mutex_);

  // Forgets the key and remembers the id as removed. NOT_FOUND; FAILED_PRECONDITION: has children.
  absl::Status Remove(const std::string& key) FLOE_EXCLUDES(mutex_);

  // NOT_FOUND.
  absl::StatusOr<Snapshot> Get(const std::string& key) FLOE_EXCLUDES(mutex_);

  // Which part of the info an Update replaces: nullopt is all labels, else the labels named.
  using UpdatedLabels = std::optional<std::set<std::string>>;
  absl::StatusOr<Info> Update(const std::string& key, const Labels& labels,
                              const UpdatedLabels& which) FLOE_EXCLUDES(mutex_);

  // Every snapshot's info, by name.
  absl::StatusOr<std::vector<Info>> List() FLOE_EXCLUDES(mutex_);

  // Layers whose key is gone but whose directory and mount may be there, until Forget.
  absl::StatusOr<std::vector<Layer>> Removed() FLOE_EXCLUDES(mutex_);
  absl::Status Forget(int64_t id) FLOE_EXCLUDES(mutex_);

  // All ids in use or removed, and the floe layers among those in use.
  absl::StatusOr<std::set<int64_t>> Ids() FLOE_EXCLUDES(mutex_);
  absl::StatusOr<std::vector<Layer>> FloeLayers() FLOE_EXCLUDES(mutex_);
  // Names of all manifests that a layer, removed or not, refers to.
  absl::StatusOr<std::set<std::string>> Manifests() FLOE_EXCLUDES(mutex_);

 private:
  struct Row;
  Metastore(std::unique_ptr<Database> database, Clock& clock)
      : database_(std::move(database)), clock_(clock) {}

  absl::Status Migrate() FLOE_EXCLUDES(mutex_);
  absl::StatusOr<std::optional<Row>> Find(const std::string& name) FLOE_REQUIRES(mutex_);
  absl::StatusOr<Row> FindExisting(const std::string& name) FLOE_REQUIRES(mutex_);
  absl::StatusOr<Snapshot> Load(Row row) FLOE_REQUIRES(mutex_);
  absl::StatusOr<std::vector<Layer>> Chain(int64_t parent) FLOE_REQUIRES(mutex_);
  absl::StatusOr<Labels> ReadLabels(int64_t id) FLOE_REQUIRES(mutex_);
  absl::Status WriteLabels(int64_t id, const Labels& labels) FLOE_REQUIRES(mutex_);
  absl::StatusOr<int64_t> ParentForCreate(const std::string& parent) FLOE_REQUIRES(mutex_);
  absl::StatusOr<int64_t> ParentForCommit(const Row& row, const std::string& parent)
      FLOE_REQUIRES(mutex_);
  int64_t Now();

  Mutex mutex_;
  // Ids are not taken from SQLite: a rolled back transaction would give its id out again, while the
  // directory made for it is still being removed.
  int64_t next_id_ FLOE_GUARDED_BY(mutex_) = 1;
  const std::unique_ptr<Database> database_;  // used with mutex_ held
  Clock& clock_;
};

}  // namespace floe::snapshotter
