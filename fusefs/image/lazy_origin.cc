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

constexpr std::chrono::seconds kTellAgain(1);

StoreHandle* LazyStore::IfOpen() const {
  MutexLock lock(mutex_);
  return handle_.get();
}

void LazyStore::Expect(const store::ManifestId& manifest, const RootId& birth_root) {
  MutexLock lock(mutex_);
  if (handle_) {
    handle_->Expect(manifest, birth_root);
  } else {
    expected_.emplace(manifest, birth_root);
  }
}

size_t LazyStore::opening() const {
  MutexLock lock(mutex_);
  return inside_;
}

absl::StatusOr<StoreHandle*> LazyStore::Open() {
  uint64_t attempts;
  {
    MutexLock lock(mutex_);
    attempts = attempts_;
    ++inside_;
  }
  auto opened = OpenAfter(attempts);
  MutexLock lock(mutex_);
  --inside_;
  return opened;
}

absl::StatusOr<StoreHandle*> LazyStore::OpenAfter(uint64_t attempts) {
  MutexLock opening(opening_);
  {
    MutexLock lock(mutex_);
    if (handle_) return handle_.get();
    if (attempts_ != attempts) return failure_;
  }
  auto opened = opener_();
  MutexLock lock(mutex_);
  ++attempts_;
  if (opened.ok()) {
    Log(LogLevel::kInfo, "store opened", {{"store", address_}});
    handle_ = *std::move(opened);
    for (const auto& [manifest, root] : expected_) handle_->Expect(manifest, root);
    expected_.clear();
    return handle_.get();
  }
  const bool first = failure_.ok();
  failure_ =
      absl::UnavailableError(absl::StrCat("store ", address_, ": ", opened.status().message()));
  if (first || clock_.Now() - told_at_ >= kTellAgain) {
    Log(LogLevel::kWarning, "store not open", {{"reason", failure_.message()}});
    told_at_ = clock_.Now();
  }
  return failure_;
}

void LazyOrigin::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  if (StoreHandle* handle = store_.IfOpen()) {
    GetFirst(*handle, id, options, std::move(done));
    return;
  }
  outstanding_.Begin();
  blocking_.Run([this, id, options, done = std::move(done)]() mutable {
    const auto handle = store_.Open();
    if (!handle.ok()) {
      done(handle.status());
    } else {
      GetFirst(**handle, id, options, std::move(done));
    }
    done = nullptr;
    outstanding_.End();
  });
}

void LazyOrigin::Ask(StoreHandle& handle, const RootId& root, const ChunkId& id,
                     const RequestOptions& options, GetCallback answered) {
  outstanding_.Begin();
  handle.Chunks(root)->Get(
      id, options,
      [this, answered = std::move(answered)](absl::StatusOr<FetchedChunk> chunk) mutable {
        answered(std::move(chunk));
        answered = nullptr;
        outstanding_.End();
      });
}

void LazyOrigin::GetFirst(StoreHandle& handle, const ChunkId& id, const RequestOptions& options,
                          GetCallback done) {
  RootId root = birth_root_;
  {
    MutexLock lock(mutex_);
    root = moved_to_.value_or(birth_root_);
  }
  Ask(handle, root, id, options,
      [this, &handle, root, id, options,
       done = std::move(done)](absl::StatusOr<FetchedChunk> chunk) mutable {
        if (!absl::IsNotFound(chunk.status())) {
          done(std::move(chunk));
          return;
        }
        outstanding_.Begin();
        blocking_.Run([this, &handle, root, id, options, miss = chunk.status(),
                       done = std::move(done)]() mutable {
          GetElsewhere(handle, root, id, options, std::move(miss), std::move(done));
          outstanding_.End();
        });
      });
}

void LazyOrigin::GetElsewhere(StoreHandle& handle, const RootId& tried, const ChunkId& id,
                              const RequestOptions& options, absl::Status miss, GetCallback done) {
  const auto roots = handle.Roots();
  if (!roots.ok()) {
    done(roots.status());
    return;
  }
  std::vector<RootId> others;  // the last is asked first
  for (auto root = roots->rbegin(); root != roots->rend(); ++root) {
    if (root->readable() && root->id != tried) others.push_back(root->id);
  }
  TryRoots(handle, std::move(others), id, options, std::move(miss), std::move(done));
}

void LazyOrigin::TryRoots(StoreHandle& handle, std::vector<RootId> roots, const ChunkId& id,
                          const RequestOptions& options, absl::Status miss, GetCallback done) {
  if (roots.empty()) {
    done(std::move(miss));
    return;
  }
  const RootId root = roots.back();
  roots.pop_back();
  Ask(handle, root, id, options,
      [this, &handle, root, roots = std::move(roots), id, options, miss,
       done = std::move(done)](absl::StatusOr<FetchedChunk> chunk) mutable {
        if (absl::IsNotFound(chunk.status())) {
          TryRoots(handle, std::move(roots), id, options, std::move(miss), std::move(done));
          return;
        }
        if (chunk.ok()) {
          MutexLock lock(mutex_);
          moved_to_ = root;
        }
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
