// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/lazy_origin.h"

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace floe::fusefs {

using store::ChunkId;
using store::RequestOptions;
using store::StoreHandle;

constexpr std::chrono::seconds kRememberFailure(1);

std::shared_ptr<StoreHandle> LazyStore::IfOpen() const {
  MutexLock lock(mutex_);
  return handle_;
}

absl::StatusOr<std::shared_ptr<StoreHandle>> LazyStore::Open() {
  MutexLock opening(opening_);
  {
    MutexLock lock(mutex_);
    if (handle_) return handle_;
    if (!failure_.ok() && clock_.Now() - failed_at_ < kRememberFailure) return failure_;
  }
  auto opened = opener_();
  MutexLock lock(mutex_);
  if (opened.ok()) {
    Log(LogLevel::kInfo, "store opened", {{"store", address_}});
    return handle_ = *std::move(opened);
  }
  failure_ =
      absl::UnavailableError(absl::StrCat("store ", address_, ": ", opened.status().message()));
  failed_at_ = clock_.Now();
  Log(LogLevel::kWarning, "store not open", {{"reason", failure_.message()}});
  return failure_;
}

LazyOrigin::LazyOrigin(LazyStore& lazy_store, Executor& blocking, const store::RootId& birth_root,
                       const store::ManifestId& manifest)
    : store_(lazy_store), blocking_(blocking), birth_root_(birth_root), manifest_(manifest) {}

std::shared_ptr<store::ChunkStore> LazyOrigin::Known() const {
  MutexLock lock(mutex_);
  return moved_to_;
}

void LazyOrigin::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  outstanding_.Begin();
  GetCallback ended = [this, done = std::move(done)](absl::StatusOr<store::FetchedChunk> chunk) {
    done(std::move(chunk));
    outstanding_.End();
  };
  if (const auto moved = Known()) {
    moved->Get(id, options, std::move(ended));
    return;
  }
  if (auto handle = store_.IfOpen()) {
    GetAtBirth(std::move(handle), id, options, std::move(ended));
    return;
  }
  blocking_.Run([this, id, options, ended = std::move(ended)]() mutable {
    auto handle = store_.Open();
    if (!handle.ok()) {
      ended(handle.status());
    } else {
      GetAtBirth(*std::move(handle), id, options, std::move(ended));
    }
  });
}

void LazyOrigin::GetAtBirth(std::shared_ptr<StoreHandle> handle, const ChunkId& id,
                            const RequestOptions& options, GetCallback done) {
  handle->Chunks(birth_root_)
      ->Get(id, options,
            [this, handle, id, options,
             done = std::move(done)](absl::StatusOr<store::FetchedChunk> chunk) mutable {
              if (!absl::IsNotFound(chunk.status())) {
                done(std::move(chunk));
                return;
              }
              blocking_.Run([this, handle, id, options, miss = chunk.status(),
                             done = std::move(done)]() mutable {
                Relocate(std::move(handle), id, options, std::move(miss), std::move(done));
              });
            });
}

void LazyOrigin::Relocate(std::shared_ptr<StoreHandle> handle, const ChunkId& id,
                          const RequestOptions& options, absl::Status miss, GetCallback done) {
  const auto root = handle->Locate(manifest_, birth_root_);
  if (!root.ok() || *root == birth_root_) {
    // The record is where it was, so the chunk is missing, not moved.
    done(root.ok() || absl::IsNotFound(root.status()) ? miss : root.status());
    return;
  }
  auto chunks = handle->Chunks(*root);
  {
    MutexLock lock(mutex_);
    moved_to_ = chunks;
  }
  chunks->Get(id, options, std::move(done));
}

void LazyOrigin::Put(const store::VerifiedSealed&, const RequestOptions&, PutCallback done) {
  done(absl::PermissionDeniedError("floe-fusefs does not write to the store"));
}

void LazyOrigin::List(const std::string&, size_t, const RequestOptions&, ListCallback done) {
  done(absl::PermissionDeniedError("floe-fusefs does not list the store"));
}

std::string LazyOrigin::Name() const {
  return absl::StrCat(store_.address(), " root ", ToHex(birth_root_));
}

}  // namespace floe::fusefs
