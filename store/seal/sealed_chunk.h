// SPDX-License-Identifier: Apache-2.0
// Sealed bytes as they travel, and the proof that they were checked.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/status.h"
#include "store/chunk_id.h"

namespace floe::store {

// Bytes that claim to be a sealed chunk. Immutable, shared.
using SealedBytes = std::shared_ptr<const Bytes>;

// A sealed chunk whose bytes were checked in a private buffer: against its id (VerifyById), or
// against the MAC that the disk tier made when the id was checked (DiskTier). Nothing else can make
// one, and nothing opens a chunk without one: GCM does not commit to a key, so a holder of a key
// could forge what an unchecked opener would accept.
class VerifiedSealed {
 public:
  const ChunkId& id() const { return id_; }
  ByteView bytes() const { return *bytes_; }
  const SealedBytes& shared() const { return bytes_; }

 private:
  friend absl::StatusOr<VerifiedSealed> VerifyById(const ChunkId& id, SealedBytes bytes);
  friend VerifiedSealed NameSealed(SealedBytes bytes);
  friend class DiskEntryMac;  // store/tier: the MAC check
  VerifiedSealed(const ChunkId& id, SealedBytes bytes) : id_(id), bytes_(std::move(bytes)) {}

  ChunkId id_;
  SealedBytes bytes_;
};

// DATA_LOSS when SHA-256 of `bytes` is not `id`.
absl::StatusOr<VerifiedSealed> VerifyById(const ChunkId& id, SealedBytes bytes);

// Computes the id of bytes that this process sealed, and so checks them once, not twice.
VerifiedSealed NameSealed(SealedBytes bytes);

}  // namespace floe::store
