// SPDX-License-Identifier: Apache-2.0
#include "store/origin/folder_object_store.h"

#include <fcntl.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"

namespace floe::store {
namespace {

// Asked again when its turn comes: it may have waited long.
absl::Status StillWanted(const RequestOptions& options) {
  if (options.cancel.cancelled()) return absl::CancelledError("cancelled before it began");
  if (options.deadline != kNoDeadline && Clock::Real().Now() >= options.deadline) {
    return absl::DeadlineExceededError("the deadline passed before it began");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<FolderObjectStore>> FolderObjectStore::Open(
    const std::string& path, const FolderOptions& options) {
  FLOE_ASSIGN_OR_RETURN(UniqueFd directory, OpenFile(path, O_RDONLY | O_DIRECTORY));
  return std::shared_ptr<FolderObjectStore>(
      new FolderObjectStore(std::move(directory), path, options));
}

FolderObjectStore::FolderObjectStore(UniqueFd directory, std::string path,
                                     const FolderOptions& options)
    : path_(std::move(path)),
      files_(std::move(directory), path_),
      sync_(options.sync.value_or(files_.SyncsAsWhole() ? SyncMode::kFileSystem
                                                        : SyncMode::kEachFile)),
      pool_("floe-folder", options.io_threads) {}

void FolderObjectStore::Get(const std::string& name, uint64_t max_bytes,
                            const RequestOptions& options, GetCallback done) {
  pool_.Run([this, name, max_bytes, options, done = std::move(done)] {
    absl::Status wanted = StillWanted(options);
    if (wanted.ok()) wanted = CheckObjectName(name);
    if (!wanted.ok()) return done(wanted);
    done(files_.Read(name, max_bytes));
  });
}

void FolderObjectStore::Put(const std::string& name, SealedBytes bytes, PutDurability durability,
                            const RequestOptions& options, PutCallback done) {
  pool_.Run([this, name, bytes = std::move(bytes), durability, options, done = std::move(done)] {
    absl::Status wanted = StillWanted(options);
    if (wanted.ok()) wanted = CheckObjectName(name);
    if (!wanted.ok()) return done(wanted);
    const bool durable = durability == PutDurability::kAtOnce;
    auto result = files_.Create(name, *bytes, durable);
    if (result.ok() && !durable) Remember(name);
    done(std::move(result));
  });
}

void FolderObjectStore::Replace(const std::string& name, SealedBytes bytes,
                                const RequestOptions& options, DoneCallback done) {
  pool_.Run([this, name, bytes = std::move(bytes), options, done = std::move(done)] {
    absl::Status wanted = StillWanted(options);
    if (wanted.ok()) wanted = CheckObjectName(name);
    done(wanted.ok() ? files_.Replace(name, *bytes) : wanted);
  });
}

void FolderObjectStore::List(const std::string& prefix, const std::string& from, size_t limit,
                             const RequestOptions& options, ListCallback done) {
  pool_.Run([this, prefix, from, limit, options, done = std::move(done)] {
    const absl::Status wanted = StillWanted(options);
    if (!wanted.ok()) return done(wanted);
    done(files_.List(prefix, from, limit));
  });
}

void FolderObjectStore::Remember(const std::string& name) {
  if (sync_ != SyncMode::kEachFile) return;
  MutexLock lock(mutex_);
  unsynced_.insert(name);
}

absl::Status FolderObjectStore::Sync() {
  if (sync_ == SyncMode::kFileSystem) return files_.SyncFileSystem();
  std::set<std::string> names;
  {
    MutexLock lock(mutex_);
    names.swap(unsynced_);
  }
  const absl::Status synced = SyncEach(names);
  if (!synced.ok()) {
    // Still owed: a later Sync must not pass over them.
    MutexLock lock(mutex_);
    unsynced_.merge(names);
  }
  return synced;
}

absl::Status FolderObjectStore::SyncEach(const std::set<std::string>& names) {
  for (const std::string& name : names) FLOE_RETURN_IF_ERROR(files_.SyncObject(name));
  return absl::OkStatus();
}

}  // namespace floe::store
