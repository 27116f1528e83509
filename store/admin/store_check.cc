// SPDX-License-Identifier: Apache-2.0
#include "store/admin/store_check.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "store/admin/list_objects.h"

namespace floe::store {
namespace {

struct StoredChunk {
  ChunkId id;
  bool referenced = false;
};

// What the deep check shares with the callbacks that hash.
struct Hashing {
  Mutex mutex;
  CondVar answered;
  size_t in_flight FLOE_GUARDED_BY(mutex) = 0;
  uint64_t bytes FLOE_GUARDED_BY(mutex) = 0;
  std::vector<std::pair<ChunkId, absl::Status>> failures FLOE_GUARDED_BY(mutex);
};

// Hashes on the store's I/O threads; several at once.
void OnFetched(Hashing& hashing, const ChunkId& id, absl::StatusOr<FetchedChunk> fetched) {
  absl::Status status = fetched.status();
  size_t size = 0;
  if (fetched.ok()) {
    auto verified = Verified(id, *std::move(fetched));
    status = verified.status();
    if (verified.ok()) size = verified->bytes().size();
  }
  MutexLock lock(hashing.mutex);
  hashing.bytes += size;
  if (!status.ok()) hashing.failures.emplace_back(id, status);
  --hashing.in_flight;
  hashing.answered.NotifyAll();
}

class Check {
 public:
  Check(StoreHandle& store, const CheckOptions& options) : store_(store), options_(options) {}

  absl::StatusOr<CheckReport> Run() {
    auto roots = store_.Roots();
    if (absl::IsDataLoss(roots.status())) {
      Problem(std::string(roots.status().message()));
      return std::move(report_);
    }
    if (!roots.ok()) return roots.status();
    for (const RootStatus& root : *roots) {
      if (root.readable()) FLOE_RETURN_IF_ERROR(CheckRoot(root.id));
    }
    return std::move(report_);
  }

 private:
  void Problem(std::string text) {
    if (report_.problems.size() < kMaxListedProblems) report_.problems.push_back(std::move(text));
    ++report_.problem_count;
  }

  absl::Status StillWanted() const {
    return options_.cancel.cancelled() ? absl::CancelledError("the check was cancelled")
                                       : absl::OkStatus();
  }

  void Tell(uint64_t done, uint64_t total) const {
    if (options_.progress) options_.progress({done, total});
  }

  absl::Status CheckRoot(const RootId& root) {
    ++report_.roots;
    FLOE_RETURN_IF_ERROR(ListChunks(root));
    FLOE_ASSIGN_OR_RETURN(const std::vector<ManifestId> records, store_.ListRecords(root));
    for (size_t i = 0; i < records.size(); ++i) {
      FLOE_RETURN_IF_ERROR(StillWanted());
      if (!options_.deep) Tell(i, records.size());
      FLOE_RETURN_IF_ERROR(CheckRecord(root, records[i]));
    }
    for (const StoredChunk& chunk : chunks_) report_.unreferenced += chunk.referenced ? 0 : 1;
    if (options_.deep) return HashChunks(root);
    Tell(records.size(), records.size());
    return absl::OkStatus();
  }

  absl::Status ListChunks(const RootId& root) {
    chunks_.clear();
    return ForEachObject(store_.objects(), ChunkPrefix(root), [&](const ObjectInfo& object) {
      const std::optional<ChunkId> id = ChunkIdOfName(object.name);
      if (!id) {
        Problem(absl::StrCat(object.name, ": is no chunk; remove it"));
        return StillWanted();
      }
      chunks_.push_back({*id});
      ++report_.chunks;
      report_.chunk_bytes += object.size;
      return StillWanted();
    });
  }

  absl::Status CheckRecord(const RootId& root, const ManifestId& manifest) {
    ++report_.records;
    auto record = store_.ReadRecord(root, manifest);
    if (absl::IsDataLoss(record.status()) || absl::IsFailedPrecondition(record.status())) {
      Problem(std::string(record.status().message()));
      return absl::OkStatus();
    }
    if (!record.ok()) return record.status();
    FLOE_ASSIGN_OR_RETURN(const ManifestEnvelope envelope, ParseManifestRecord(*record));
    for (const ChunkId& id : envelope.ids) {
      const auto chunk =
          std::lower_bound(chunks_.begin(), chunks_.end(), id,
                           [](const StoredChunk& a, const ChunkId& b) { return a.id < b; });
      if (chunk != chunks_.end() && chunk->id == id) {
        chunk->referenced = true;
      } else {
        Problem(absl::StrCat("manifest ", manifest.ToHex(), ": its chunk ", id.ToHex(),
                             " is missing; remove r/", ToHex(root), "/m/", manifest.ToHex(),
                             " and convert that image again"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status HashChunks(const RootId& root) {
    const std::shared_ptr<ChunkStore> store = store_.Chunks(root);
    const auto hashing = std::make_shared<Hashing>();
    RequestOptions request;
    request.request_class = RequestClass::kBackground;
    request.cancel = options_.cancel;
    for (size_t i = 0; i < chunks_.size() && StillWanted().ok(); ++i) {
      WaitForRoom(*hashing, options_.in_flight);
      Tell(i, chunks_.size());
      const ChunkId id = chunks_[i].id;
      store->Get(id, request, [hashing, id](absl::StatusOr<FetchedChunk> fetched) {
        OnFetched(*hashing, id, std::move(fetched));
      });
    }
    WaitForRoom(*hashing, 1);  // for all
    {
      MutexLock lock(hashing->mutex);
      --hashing->in_flight;
    }
    FLOE_RETURN_IF_ERROR(StillWanted());
    Tell(chunks_.size(), chunks_.size());
    return Judge(root, *hashing);
  }

  // Waits until fewer than `most` are under way, and counts one more.
  static void WaitForRoom(Hashing& hashing, size_t most) {
    MutexLock lock(hashing.mutex);
    while (hashing.in_flight >= std::max<size_t>(most, 1)) hashing.answered.Wait(hashing.mutex);
    ++hashing.in_flight;
  }

  absl::Status Judge(const RootId& root, Hashing& hashing) {
    MutexLock lock(hashing.mutex);
    report_.hashed_bytes += hashing.bytes;
    std::sort(hashing.failures.begin(), hashing.failures.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [id, status] : hashing.failures) {
      // Damage is a finding; a store that cannot be read is none.
      if (!absl::IsDataLoss(status) && !absl::IsNotFound(status)) return status;
      Problem(absl::StrCat("root ", ToHex(root), ": ", status.message(),
                           "; convert an image that holds it again, which puts it right"));
    }
    return absl::OkStatus();
  }

  StoreHandle& store_;
  const CheckOptions& options_;
  CheckReport report_;
  std::vector<StoredChunk> chunks_;  // of the root at hand, ascending
};

}  // namespace

absl::StatusOr<CheckReport> CheckStore(StoreHandle& store, const CheckOptions& options) {
  return Check(store, options).Run();
}

}  // namespace floe::store
