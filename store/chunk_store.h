// SPDX-License-Identifier: Apache-2.0
// The one interface between a reader or writer of chunks and wherever chunks live: a folder, S3, a
// cache, a wrapper that retries, limits, verifies or counts. Asynchronous: no call waits for a disk
// or a network.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "store/seal/sealed_chunk.h"
#include "store/urgency.h"

namespace floe::store {

struct RequestOptions {
  RequestClass request_class = RequestClass::kRunning;
  SteadyTime deadline = kNoDeadline;
  CancelToken cancel;
  // Where the class may rise while the request is under way (SingleFlightStore); null: it does not.
  std::shared_ptr<Urgency> urgency = nullptr;
};

// What a store answers: bytes nobody checked yet, or bytes it has checked itself (disk tier, verify
// wrapper). Verified() checks the former against `id`.
using FetchedChunk = std::variant<SealedBytes, VerifiedSealed>;
absl::StatusOr<VerifiedSealed> Verified(const ChunkId& id, FetchedChunk fetched);
size_t SizeOf(const FetchedChunk& fetched);

enum class PutResult { kCreated, kExisted };

struct ChunkPage {
  std::vector<ChunkId> ids;  // ascending
  std::string next;          // continue token; empty: the end
};

// Thread safe. Every callback is called exactly once, on any thread, possibly before the call
// returns and possibly after the caller is gone: it must own what it touches. A store's destructor
// waits until all its callbacks have been called.
class ChunkStore {
 public:
  using GetCallback = std::function<void(absl::StatusOr<FetchedChunk>)>;
  using PutCallback = std::function<void(absl::StatusOr<PutResult>)>;
  using ListCallback = std::function<void(absl::StatusOr<ChunkPage>)>;

  virtual ~ChunkStore() = default;

  // NOT_FOUND: not here (final); PERMISSION_DENIED: may not look, or absent where the store does
  // not tell (never cached as absent); UNAVAILABLE: try again; DATA_LOSS: what is here is not `id`;
  // DEADLINE_EXCEEDED, CANCELLED: as asked.
  virtual void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) = 0;

  // Puts if absent; never replaces. kExisted promises a stored chunk of the same length, no more.
  // A put is durable only after Sync.
  virtual void Put(const VerifiedSealed& chunk, const RequestOptions& options,
                   PutCallback done) = 0;

  // Up to `limit` ids after the token `from` ("" = the start).
  virtual void List(const std::string& from, size_t limit, const RequestOptions& options,
                    ListCallback done) = 0;

  // Everything put, and everything answered kExisted, through this object before the call is
  // durable after it (store.md, "Folder"). Blocks; called by writers between batches and records.
  virtual absl::Status Sync() = 0;

  // For logs, metrics and errors: "folder /srv/floe root 3f..", no credentials.
  virtual std::string Name() const = 0;
};

// Blocking forms for tools and tests; never on a FUSE thread.
absl::StatusOr<VerifiedSealed> GetBlocking(ChunkStore& store, const ChunkId& id,
                                           const RequestOptions& options = {});
absl::StatusOr<PutResult> PutBlocking(ChunkStore& store, const VerifiedSealed& chunk,
                                      const RequestOptions& options = {});

}  // namespace floe::store
