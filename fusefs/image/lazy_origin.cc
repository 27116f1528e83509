// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/lazy_origin.h"

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace floe::fusefs {

using store::ChunkId;
using store::FetchedChunk;
using store::RequestOptions;
using store::RootId;
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

void LazyOrigin::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  outstanding_.Begin();
  GetCallback ended = [this, done = std::move(done)](absl::StatusOr<FetchedChunk> chunk) {
    done(std::move(chunk));
    outstanding_.End();
  };
  if (auto handle = store_.IfOpen()) {
    GetFirst(std::move(handle), id, options, std::move(ended));
    return;
  }
  blocking_.Run([this, id, options, ended = std::move(ended)]() mutable {
    auto handle = store_.Open();
    if (!handle.ok()) {
      ended(handle.status());
    } else {
      GetFirst(*std::move(handle), id, options, std::move(ended));
    }
  });
}

void LazyOrigin::GetFirst(Handle handle, const ChunkId& id, const RequestOptions& options,
                          GetCallback done) {
  RootId root = birth_root_;
  {
    MutexLock lock(mutex_);
    root = moved_to_.value_or(birth_root_);
  }
  auto chunks = handle->Chunks(root);
  chunks->Get(id, options,
              [this, handle, root, id, options,
               done = std::move(done)](absl::StatusOr<FetchedChunk> chunk) mutable {
                if (!absl::IsNotFound(chunk.status())) {
                  // Once done is called the store may go; its last owner must not be this thread of
                  // it.
                  handle.reset();
                  done(std::move(chunk));
                  return;
                }
                blocking_.Run([this, handle = std::move(handle), root, id, options,
                               miss = chunk.status(), done = std::move(done)]() mutable {
                  GetElsewhere(std::move(handle), root, id, options, std::move(miss),
                               std::move(done));
                });
              });
}

void LazyOrigin::GetElsewhere(Handle handle, const RootId& tried, const ChunkId& id,
                              const RequestOptions& options, absl::Status miss, GetCallback done) {
  const auto roots = handle->Roots();
  if (!roots.ok()) {
    done(roots.status());
    return;
  }
  std::vector<RootId> others;  // the last is asked first
  for (auto root = roots->rbegin(); root != roots->rend(); ++root) {
    if (root->readable() && root->id != tried) others.push_back(root->id);
  }
  TryRoots(std::move(handle), std::move(others), id, options, std::move(miss), std::move(done));
}

void LazyOrigin::TryRoots(Handle handle, std::vector<RootId> roots, const ChunkId& id,
                          const RequestOptions& options, absl::Status miss, GetCallback done) {
  if (roots.empty()) {
    done(std::move(miss));
    return;
  }
  const RootId root = roots.back();
  roots.pop_back();
  auto chunks = handle->Chunks(root);
  chunks->Get(id, options,
              [this, handle, root, roots = std::move(roots), id, options, miss,
               done = std::move(done)](absl::StatusOr<FetchedChunk> chunk) mutable {
                if (absl::IsNotFound(chunk.status())) {
                  TryRoots(std::move(handle), std::move(roots), id, options, std::move(miss),
                           std::move(done));
                  return;
                }
                if (chunk.ok()) {
                  MutexLock lock(mutex_);
                  moved_to_ = root;
                }
                handle.reset();
                done(std::move(chunk));
              });
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
