// SPDX-License-Identifier: Apache-2.0
#include "converter/chunk/put_window.h"

#include "absl/strings/str_cat.h"

namespace floe::converter {

using store::FetchedChunk;
using store::PutResult;
using store::RequestClass;
using store::RequestOptions;

PutWindow::PutWindow(store::ChunkStore& chunks, const RepairChunk& repair, size_t capacity,
                     bool check_existing)
    : chunks_(chunks), repair_(repair), capacity_(capacity), check_existing_(check_existing) {}

PutWindow::~PutWindow() {
  MutexLock lock(mutex_);
  WaitBelowLocked(1);
}

absl::Status PutWindow::Put(const store::SealedChunk& chunk) {
  const Job job{chunk.sealed, chunk.ref.raw_length};
  {
    MutexLock lock(mutex_);
    if (!first_error_.ok()) return first_error_;
    if (!seen_.insert(chunk.ref.id).second) return absl::OkStatus();
    WaitBelowLocked(capacity_);
    if (!first_error_.ok()) return first_error_;
    ++in_flight_;
  }
  RequestOptions options;
  options.request_class = RequestClass::kBackground;
  options.cancel = cancel_.token();
  chunks_.Put(job.sealed, options,
              [this, job](const absl::StatusOr<PutResult>& result) { OnPut(job, result); });
  return absl::OkStatus();
}

void PutWindow::OnPut(const Job& job, const absl::StatusOr<PutResult>& result) {
  if (absl::IsDataLoss(result.status())) return Damaged(job);  // one of another length is there
  if (!result.ok()) return Done(result.status());
  if (*result == PutResult::kExisted && check_existing_) {
    RequestOptions options;
    options.request_class = RequestClass::kBackground;
    options.cancel = cancel_.token();
    chunks_.Get(job.sealed.id(), options, [this, job](absl::StatusOr<FetchedChunk> fetched) {
      OnChecked(job, std::move(fetched));
    });
    return;
  }
  MutexLock lock(mutex_);
  if (*result == PutResult::kCreated) {
    ++stats_.new_chunks;
    stats_.new_raw_bytes += job.raw_length;
    stats_.new_sealed_bytes += job.sealed.bytes().size();
  } else {
    CountReused(job);
    ++stats_.unchecked_chunks;
  }
  DoneLocked(absl::OkStatus());
}

void PutWindow::OnChecked(const Job& job, absl::StatusOr<FetchedChunk> fetched) {
  // Denied is no damage: a converter without the right to read leaves checking to the collector.
  const bool denied = absl::IsPermissionDenied(fetched.status());
  if (!denied) {
    const absl::Status status =
        fetched.ok() ? Verified(job.sealed.id(), *std::move(fetched)).status() : fetched.status();
    if (absl::IsDataLoss(status) || absl::IsNotFound(status)) return Damaged(job);
    if (!status.ok()) return Done(status);
  }
  MutexLock lock(mutex_);
  CountReused(job);
  if (denied) ++stats_.unchecked_chunks;
  DoneLocked(absl::OkStatus());
}

void PutWindow::CountReused(const Job& job) {
  ++stats_.reused_chunks;
  stats_.reused_raw_bytes += job.raw_length;
  stats_.reused_sealed_bytes += job.sealed.bytes().size();
}

void PutWindow::Damaged(const Job& job) {
  MutexLock lock(mutex_);
  damaged_.push_back(job);
  changed_.NotifyAll();
}

void PutWindow::Done(const absl::Status& status) {
  MutexLock lock(mutex_);
  DoneLocked(status);
}

void PutWindow::DoneLocked(const absl::Status& status) {
  if (first_error_.ok() && !status.ok()) {
    first_error_ = status;
    cancel_.Cancel();
  }
  --in_flight_;
  changed_.NotifyAll();
}

bool PutWindow::RepairOneLocked() {
  if (damaged_.empty()) return false;
  const Job job = std::move(damaged_.front());
  damaged_.pop_front();
  absl::Status status = first_error_;
  if (status.ok()) {
    mutex_.Unlock();
    status = Annotate(repair_(job.sealed),
                      absl::StrCat("chunk ", job.sealed.id().ToHex(), " is damaged in ",
                                   chunks_.Name(), " and cannot be repaired"));
    mutex_.Lock();
  }
  if (status.ok()) {
    CountReused(job);
    ++stats_.repaired_chunks;
  }
  DoneLocked(status);
  return true;
}

void PutWindow::WaitBelowLocked(size_t limit) {
  while (in_flight_ >= limit) {
    if (!RepairOneLocked()) changed_.Wait(mutex_);
  }
}

absl::Status PutWindow::Drain() {
  MutexLock lock(mutex_);
  WaitBelowLocked(1);
  return first_error_;
}

void PutWindow::Fail(const absl::Status& status) {
  MutexLock lock(mutex_);
  if (first_error_.ok()) first_error_ = status;
  cancel_.Cancel();
  changed_.NotifyAll();
}

ChunkStats PutWindow::stats() const {
  MutexLock lock(mutex_);
  return stats_;
}

}  // namespace floe::converter
