// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/meta/database.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace floe::snapshotter {
namespace {

// The one table from SQLite's codes to ours.
absl::Status SqliteStatus(sqlite3* database, int code, absl::string_view what) {
  const char* reason = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  const std::string text = absl::StrCat("metadata database: ", what, ": ", reason);
  switch (code & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(absl::StrCat(text, "; free space on its file system"));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(absl::StrCat(text, "; another program uses it, try again"));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(
          absl::StrCat(text, "; restore metadata.db, or remove the root directory and pull again"));
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::FailedPreconditionError(absl::StrCat(text, "; check the root directory"));
    default:
      return absl::InternalError(text);
  }
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      raw_(std::exchange(other.raw_, nullptr)),
      next_parameter_(other.next_parameter_),
      bind_error_(other.bind_error_) {}

Statement::~Statement() {
  if (raw_ == nullptr) return;
  sqlite3_reset(raw_);
  sqlite3_clear_bindings(raw_);
}

Statement& Statement::Bind(int64_t value) {
  bind_error_ |= sqlite3_bind_int64(raw_, next_parameter_++, value);
  return *this;
}

Statement& Statement::Bind(absl::string_view value) {
  // A null pointer would bind NULL, which is not the empty string.
  const char* data = value.data() != nullptr ? value.data() : "";
  bind_error_ |= sqlite3_bind_text64(raw_, next_parameter_++, data, value.size(), SQLITE_TRANSIENT,
                                     SQLITE_UTF8);
  return *this;
}

Statement& Statement::BindNull() {
  bind_error_ |= sqlite3_bind_null(raw_, next_parameter_++);
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  if (bind_error_ != SQLITE_OK) return SqliteStatus(database_, bind_error_, "bind");
  const int code = sqlite3_step(raw_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return SqliteStatus(database_, code, "step");
}

absl::Status Statement::Run() { return Step().status(); }

int64_t Statement::Integer(int column) const { return sqlite3_column_int64(raw_, column); }

std::string Statement::Text(int column) const {
  const void* data = sqlite3_column_blob(raw_, column);
  const int length = sqlite3_column_bytes(raw_, column);
  if (data == nullptr) return "";
  return std::string(static_cast<const char*>(data), static_cast<size_t>(length));
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  std::unique_ptr<Database> database(new Database(raw));
  if (code != SQLITE_OK) return SqliteStatus(raw, code, absl::StrCat("open ", path));
  sqlite3_busy_timeout(raw, 5000);
  // FULL: a snapshot that containerd believes in must survive a power cut, it cannot be unpacked
  // again without a pull.
  FLOE_RETURN_IF_ERROR(database->Execute(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON"));
  return database;
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(raw_);
}

absl::Status Database::Execute(const std::string& sql) {
  const int code = sqlite3_exec(raw_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return SqliteStatus(raw_, code, sql.substr(0, 40));
  return absl::OkStatus();
}

absl::StatusOr<Statement> Database::Prepare(absl::string_view sql) {
  sqlite3_stmt*& slot = statements_[std::string(sql)];
  if (slot == nullptr) {
    const int code = sqlite3_prepare_v3(raw_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &slot, nullptr);
    if (code != SQLITE_OK) return SqliteStatus(raw_, code, sql.substr(0, 40));
  }
  return Statement(raw_, slot);
}

absl::StatusOr<Transaction> Transaction::Begin(Database& database) {
  FLOE_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  // SQLite rolls back by itself after some errors; a second ROLLBACK then says so, harmlessly.
  const absl::Status status = database_->Execute("ROLLBACK");
  if (!status.ok()) Log(LogLevel::kDebug, "rollback", {{"reason", status.message()}});
}

absl::Status Transaction::Commit() {
  FLOE_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  database_ = nullptr;
  return absl::OkStatus();
}

}  // namespace floe::snapshotter
