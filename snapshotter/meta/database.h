// SPDX-License-Identifier: Apache-2.0
// SQLite behind a small door: one connection, cached statements, transactions that roll back unless
// committed. Nothing here is thread safe; the Metastore holds the lock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace floe::snapshotter {

// A statement in use; bound from 1, read from 0. Goes back to its cache, reset, when it goes.
class Statement {
 public:
  Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), raw_(statement) {}
  Statement(Statement&& other) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  Statement& Bind(int64_t value);
  Statement& Bind(absl::string_view value);
  Statement& BindNull();

  // True: a row is there. False: done.
  absl::StatusOr<bool> Step();
  // For statements without rows.
  absl::Status Run();

  int64_t Integer(int column) const;
  std::string Text(int column) const;  // "" for NULL

 private:
  sqlite3* database_;
  sqlite3_stmt* raw_;
  int next_parameter_ = 1;
  int bind_error_ = 0;
};

class Database {
 public:
  // Opens or creates `path` with write-ahead log, full synchronisation and foreign keys on.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Several statements without parameters or rows.
  absl::Status Execute(const std::string& sql);
  // `sql` is a literal of ours; the compiled statement is kept. One user of one text at a time.
  absl::StatusOr<Statement> Prepare(absl::string_view sql);

 private:
  explicit Database(sqlite3* raw) : raw_(raw) {}
  sqlite3* raw_;
  std::map<std::string, sqlite3_stmt*> statements_;
};

// BEGIN IMMEDIATE now, ROLLBACK unless Commit() was called and worked.
class Transaction {
 public:
  static absl::StatusOr<Transaction> Begin(Database& database);
  Transaction(Transaction&& other) noexcept;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  // Durable when it returns OK.
  absl::Status Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace floe::snapshotter
