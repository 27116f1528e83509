// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/meta/metastore.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace floe::snapshotter {
namespace {

constexpr int64_t kNoParent = 0;  // ids start at 1
constexpr int64_t kSchemaVersion = 1;

// AUTOINCREMENT: an id is never used twice, so that a directory or mount of a removed snapshot can
// never be taken for a new one's.
constexpr char kSchema[] = R"sql(
CREATE TABLE snapshots (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  parent INTEGER REFERENCES snapshots(id),
  kind INTEGER NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  bytes INTEGER NOT NULL DEFAULT 0,
  inodes INTEGER NOT NULL DEFAULT 0,
  manifest TEXT
) STRICT;
CREATE INDEX snapshots_parent ON snapshots(parent);
CREATE TABLE labels (
  snapshot INTEGER NOT NULL REFERENCES snapshots(id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (snapshot, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE removed (
  id INTEGER PRIMARY KEY,
  manifest TEXT
) STRICT;
PRAGMA user_version = 1;
)sql";

absl::Status NotFound(const std::string& name) {
  return absl::NotFoundError(absl::StrCat("snapshot ", name, " does not exist"));
}

SystemTime FromNanos(int64_t nanos) {
  return SystemTime(
      std::chrono::duration_cast<SystemTime::duration>(std::chrono::nanoseconds(nanos)));
}

}  // namespace

// A row of `snapshots`; the parent's name comes by a join.
struct Metastore::Row {
  Layer layer;
  Info info;
  Usage usage;
  int64_t parent = kNoParent;

  static Row From(const Statement& s) {
    Row row;
    row.layer = {s.Integer(0), s.Text(1), s.Text(2)};
    row.info.name = s.Text(2);
    row.info.parent = s.Text(3);
    row.info.kind = static_cast<Kind>(s.Integer(4));
    row.info.created = FromNanos(s.Integer(5));
    row.info.updated = FromNanos(s.Integer(6));
    row.usage = {s.Integer(7), s.Integer(8)};
    row.parent = s.Integer(9);
    return row;
  }
};

#define FLOE_SELECT_ROW                                                              \
  "SELECT s.id, s.manifest, s.name, p.name, s.kind, s.created, s.updated, s.bytes, " \
  "s.inodes, s.parent FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent "

int64_t Metastore::Now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(clock_.WallNow().time_since_epoch())
      .count();
}

absl::StatusOr<std::unique_ptr<Metastore>> Metastore::Open(const std::string& path, Clock& clock) {
  FLOE_ASSIGN_OR_RETURN(auto database, Database::Open(path));
  std::unique_ptr<Metastore> store(new Metastore(std::move(database), clock));
  if (absl::Status status = store->Migrate(); !status.ok()) return Annotate(status, path);
  return store;
}

absl::Status Metastore::Migrate() {
  MutexLock lock(mutex_);
  FLOE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
  int64_t version = 0;
  {
    FLOE_ASSIGN_OR_RETURN(Statement query, database_->Prepare("PRAGMA user_version"));
    FLOE_RETURN_IF_ERROR(query.Step());
    version = query.Integer(0);
  }
  if (version > kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat("written by a newer floe (schema ", version,
                                                      ", this one knows ", kSchemaVersion,
                                                      "); install that version again"));
  }
  if (version == 0) FLOE_RETURN_IF_ERROR(database_->Execute(kSchema));
  {
    FLOE_ASSIGN_OR_RETURN(
        Statement query,
        database_->Prepare("SELECT seq FROM sqlite_sequence WHERE name = 'snapshots'"));
    FLOE_ASSIGN_OR_RETURN(const bool found, query.Step());
    if (found) next_id_ = query.Integer(0) + 1;
  }
  return transaction.Commit();
}

absl::StatusOr<std::optional<Metastore::Row>> Metastore::Find(const std::string& name) {
  FLOE_ASSIGN_OR_RETURN(Statement query, database_->Prepare(FLOE_SELECT_ROW "WHERE s.name = ?"));
  FLOE_ASSIGN_OR_RETURN(const bool found, query.Bind(name).Step());
  if (!found) return std::optional<Row>();
  return std::optional<Row>(Row::From(query));
}

absl::StatusOr<Metastore::Row> Metastore::FindExisting(const std::string& name) {
  FLOE_ASSIGN_OR_RETURN(std::optional<Row> row, Find(name));
  if (!row) return NotFound(name);
  return *std::move(row);
}

absl::StatusOr<std::vector<Layer>> Metastore::Chain(int64_t parent) {
  std::vector<Layer> chain;
  while (parent != kNoParent) {
    FLOE_ASSIGN_OR_RETURN(
        Statement query,
        database_->Prepare("SELECT id, manifest, name, parent FROM snapshots WHERE id = ?"));
    FLOE_ASSIGN_OR_RETURN(const bool found, query.Bind(parent).Step());
    if (!found) return absl::InternalError(absl::StrCat("parent ", parent, " has no record"));
    chain.push_back({query.Integer(0), query.Text(1), query.Text(2)});
    parent = query.Integer(3);
  }
  return chain;
}

absl::StatusOr<Labels> Metastore::ReadLabels(int64_t id) {
  FLOE_ASSIGN_OR_RETURN(Statement query,
                        database_->Prepare("SELECT key, value FROM labels WHERE snapshot = ?"));
  query.Bind(id);
  Labels labels;
  while (true) {
    FLOE_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return labels;
    labels[query.Text(0)] = query.Text(1);
  }
}

absl::Status Metastore::WriteLabels(int64_t id, const Labels& labels) {
  {
    FLOE_ASSIGN_OR_RETURN(Statement clear,
                          database_->Prepare("DELETE FROM labels WHERE snapshot = ?"));
    FLOE_RETURN_IF_ERROR(clear.Bind(id).Run());
  }
  for (const auto& [key, value] : labels) {
    if (value.empty()) continue;
    FLOE_ASSIGN_OR_RETURN(Statement insert,
                          database_->Prepare("INSERT INTO labels VALUES (?,?,?)"));
    FLOE_RETURN_IF_ERROR(insert.Bind(id).Bind(key).Bind(value).Run());
  }
  return absl::OkStatus();
}

absl::StatusOr<Snapshot> Metastore::Load(Row row) {
  Snapshot snapshot;
  snapshot.self = row.layer;
  snapshot.info = std::move(row.info);
  snapshot.usage = row.usage;
  FLOE_ASSIGN_OR_RETURN(snapshot.info.labels, ReadLabels(row.layer.id));
  FLOE_ASSIGN_OR_RETURN(snapshot.parents, Chain(row.parent));
  return snapshot;
}

absl::StatusOr<int64_t> Metastore::ParentForCreate(const std::string& parent) {
  if (parent.empty()) return kNoParent;
  FLOE_ASSIGN_OR_RETURN(const std::optional<Row> row, Find(parent));
  if (!row) return absl::NotFoundError(absl::StrCat("parent snapshot ", parent, " does not exist"));
  if (row->info.kind != Kind::kCommitted) {
    return absl::InvalidArgumentError(
        absl::StrCat("parent snapshot ", parent, " is not committed"));
  }
  return row->layer.id;
}

absl::StatusOr<Snapshot> Metastore::Create(Kind kind, const std::string& key,
                                           const std::string& parent, const Labels& labels,
                                           const std::function<absl::Status(int64_t id)>& publish) {
  if (key.empty()) return absl::InvalidArgumentError("a snapshot needs a key");
  MutexLock lock(mutex_);
  FLOE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
  FLOE_ASSIGN_OR_RETURN(const int64_t parent_id, ParentForCreate(parent));
  FLOE_ASSIGN_OR_RETURN(const std::optional<Row> taken, Find(key));
  if (taken) return absl::AlreadyExistsError(absl::StrCat("snapshot ", key, " exists already"));
  const int64_t id = next_id_++;
  {
    FLOE_ASSIGN_OR_RETURN(
        Statement insert,
        database_->Prepare("INSERT INTO snapshots (id, name, parent, kind, created, updated) "
                           "VALUES (?1, ?2, nullif(?3, 0), ?4, ?5, ?5)"));
    insert.Bind(id).Bind(key).Bind(parent_id).Bind(static_cast<int64_t>(kind)).Bind(Now());
    FLOE_RETURN_IF_ERROR(insert.Run());
  }
  FLOE_RETURN_IF_ERROR(WriteLabels(id, labels));
  FLOE_RETURN_IF_ERROR(publish(id));
  FLOE_ASSIGN_OR_RETURN(Row row, FindExisting(key));
  FLOE_ASSIGN_OR_RETURN(Snapshot snapshot, Load(std::move(row)));
  FLOE_RETURN_IF_ERROR(transaction.Commit());
  return snapshot;
}

absl::StatusOr<int64_t> Metastore::ParentForCommit(const Row& row, const std::string& parent) {
  if (parent.empty() || parent == row.info.parent) return row.parent;
  if (row.parent != kNoParent) {
    return absl::InvalidArgumentError(absl::StrCat("cannot change the parent of snapshot ",
                                                   row.info.name, " from ", row.info.parent, " to ",
                                                   parent, " at commit"));
  }
  FLOE_ASSIGN_OR_RETURN(const std::optional<Row> found, Find(parent));
  if (!found) {
    return absl::NotFoundError(absl::StrCat("parent snapshot ", parent, " does not exist"));
  }
  if (found->info.kind != Kind::kCommitted) {
    return absl::FailedPreconditionError(
        absl::StrCat("parent snapshot ", parent, " is not committed"));
  }
  return found->layer.id;
}

absl::Status Metastore::Commit(const std::string& name, const std::string& key,
                               const std::string& parent, const Labels& labels,
                               const Measured& measured) {
  if (name.empty()) return absl::InvalidArgumentError("a committed snapshot needs a name");
  MutexLock lock(mutex_);
  FLOE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
  FLOE_ASSIGN_OR_RETURN(const std::optional<Row> taken, Find(name));
  if (taken) {
    return absl::AlreadyExistsError(absl::StrCat("committed snapshot ", name, " exists already"));
  }
  FLOE_ASSIGN_OR_RETURN(const Row row, FindExisting(key));
  if (row.info.kind != Kind::kActive) {
    return absl::FailedPreconditionError(absl::StrCat("snapshot ", key, " is not active"));
  }
  if (row.layer.id != measured.id) {
    return absl::AbortedError(absl::StrCat("snapshot ", key, " was replaced during its commit"));
  }
  FLOE_ASSIGN_OR_RETURN(const int64_t parent_id, ParentForCommit(row, parent));
  {
    FLOE_ASSIGN_OR_RETURN(
        Statement update,
        database_->Prepare("UPDATE snapshots SET name = ?1, kind = ?2, parent = nullif(?3, 0), "
                           "created = ?4, updated = ?4, bytes = ?5, inodes = ?6, "
                           "manifest = nullif(?7, '') WHERE id = ?8"));
    update.Bind(name).Bind(static_cast<int64_t>(Kind::kCommitted)).Bind(parent_id).Bind(Now());
    update.Bind(measured.usage.bytes).Bind(measured.usage.inodes);
    FLOE_RETURN_IF_ERROR(update.Bind(measured.manifest).Bind(measured.id).Run());
  }
  FLOE_RETURN_IF_ERROR(WriteLabels(measured.id, labels));
  return transaction.Commit();
}

absl::Status Metastore::Remove(const std::string& key) {
  MutexLock lock(mutex_);
  FLOE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
  FLOE_ASSIGN_OR_RETURN(const Row row, FindExisting(key));
  {
    FLOE_ASSIGN_OR_RETURN(Statement child,
                          database_->Prepare("SELECT 1 FROM snapshots WHERE parent = ? LIMIT 1"));
    FLOE_ASSIGN_OR_RETURN(const bool has_child, child.Bind(row.layer.id).Step());
    if (has_child) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot remove snapshot ", key, ": it has children; remove them first"));
    }
  }
  {
    FLOE_ASSIGN_OR_RETURN(Statement erase,
                          database_->Prepare("DELETE FROM snapshots WHERE id = ?"));
    FLOE_RETURN_IF_ERROR(erase.Bind(row.layer.id).Run());
  }
  {
    FLOE_ASSIGN_OR_RETURN(Statement insert,
                          database_->Prepare("INSERT INTO removed VALUES (?, nullif(?, ''))"));
    FLOE_RETURN_IF_ERROR(insert.Bind(row.layer.id).Bind(row.layer.manifest).Run());
  }
  return transaction.Commit();
}

absl::StatusOr<Snapshot> Metastore::Get(const std::string& key) {
  MutexLock lock(mutex_);
  FLOE_ASSIGN_OR_RETURN(Row row, FindExisting(key));
  return Load(std::move(row));
}

absl::StatusOr<Info> Metastore::Update(const std::string& key, const Labels& labels,
                                       const UpdatedLabels& which) {
  MutexLock lock(mutex_);
  FLOE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
  FLOE_ASSIGN_OR_RETURN(const Row row, FindExisting(key));
  Labels updated = labels;
  if (which) {
    FLOE_ASSIGN_OR_RETURN(updated, ReadLabels(row.layer.id));
    for (const std::string& name : *which) {
      const auto given = labels.find(name);
      updated[name] = given == labels.end() ? "" : given->second;
    }
  }
  FLOE_RETURN_IF_ERROR(WriteLabels(row.layer.id, updated));
  {
    FLOE_ASSIGN_OR_RETURN(Statement touch,
                          database_->Prepare("UPDATE snapshots SET updated = ? WHERE id = ?"));
    FLOE_RETURN_IF_ERROR(touch.Bind(Now()).Bind(row.layer.id).Run());
  }
  FLOE_ASSIGN_OR_RETURN(Row fresh, FindExisting(key));
  FLOE_ASSIGN_OR_RETURN(fresh.info.labels, ReadLabels(row.layer.id));
  FLOE_RETURN_IF_ERROR(transaction.Commit());
  return std::move(fresh.info);
}

absl::StatusOr<std::vector<Info>> Metastore::List() {
  MutexLock lock(mutex_);
  std::vector<Info> infos;
  FLOE_ASSIGN_OR_RETURN(Statement query, database_->Prepare(FLOE_SELECT_ROW "ORDER BY s.name"));
  while (true) {
    FLOE_ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return infos;
    Row row = Row::From(query);
    FLOE_ASSIGN_OR_RETURN(row.info.labels, ReadLabels(row.layer.id));
    infos.push_back(std::move(row.info));
  }
}

}  // namespace floe::snapshotter
