// SPDX-License-Identifier: Apache-2.0
#include "store/registry/pack_writer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "oci/digest.h"
#include "store/registry/artifacts.h"

namespace floe::store {

std::shared_ptr<PackWriter::Pack> PackWriter::Take() {
  auto pack = std::make_shared<Pack>(std::move(open_));
  open_ = Pack();
  ++sending_;
  return pack;
}

void PackWriter::Put(const ChunkId& id, SealedBytes bytes, bool replace,
                     ChunkStore::PutCallback done) {
  std::shared_ptr<Pack> full;
  bool added = false;
  {
    // Under the lock, so that a pack's chunks are all in the map before it is sent.
    MutexLock lock(mutex_);
    added = map_.AddUnsent(id, bytes, replace);
    if (added) {
      open_.chunks.push_back(
          {id, 0, static_cast<uint32_t>(open_.size), static_cast<uint32_t>(bytes->size())});
      open_.size += bytes->size();
      open_.bytes.push_back(std::move(bytes));
      if (open_.size >= pack_bytes_) full = Take();
    }
  }
  if (full == nullptr) {
    done(added ? PutResult::kCreated : PutResult::kExisted);
    return;
  }
  pool_.Run([this, full = std::move(full), done = std::move(done)]() mutable {
    const absl::Status status = Send(*full);
    full.reset();
    done(status.ok() ? absl::StatusOr<PutResult>(PutResult::kCreated) : status);
    done = nullptr;
    Finished(status);
  });
}

absl::Status PackWriter::Send(const Pack& pack) {
  Bytes blob;
  blob.reserve(pack.size);
  for (const SealedBytes& bytes : pack.bytes) blob.insert(blob.end(), bytes->begin(), bytes->end());
  const PackBlob described{Sha256::Of(blob), blob.size()};
  const absl::Status put = repository_.PutBlob(DescribePack(described), blob);
  if (put.ok()) {
    map_.Sent(described, pack.chunks);
  } else {
    map_.Lost(pack.chunks);
  }
  return Annotate(put,
                  absl::StrCat(repository_.Name(), ": pack ", oci::DigestString(described.digest)));
}

void PackWriter::Finished(const absl::Status& status) {
  MutexLock lock(mutex_);
  if (failure_.ok()) failure_ = status;
  --sending_;
  sent_.NotifyAll();
}

absl::Status PackWriter::Flush() {
  std::shared_ptr<Pack> rest;
  {
    MutexLock lock(mutex_);
    if (!open_.chunks.empty()) rest = Take();
  }
  if (rest != nullptr) Finished(Send(*rest));
  MutexLock lock(mutex_);
  while (sending_ > 0) sent_.Wait(mutex_);
  return std::exchange(failure_, absl::OkStatus());
}

}  // namespace floe::store
