// SPDX-License-Identifier: Apache-2.0
// Named immutable objects: what a folder and S3 have in common. Chunks, records and the log are
// objects with agreed names (store_layout.h).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "store/chunk_store.h"

namespace floe::store {

struct ObjectInfo {
  std::string name;
  uint64_t size = 0;  // bytes
};
struct ObjectPage {
  std::vector<ObjectInfo> objects;  // ascending by name, bytewise
  std::string next;                 // continue token; empty: the end
};

// When a put is durable.
enum class PutDurability {
  kAfterSync,  // after the next Sync(); cheap
  kAtOnce,     // when the callback is called: records and log entries
};

// Names are '/'-separated parts of [A-Za-z0-9._-], no part starts with '.'; others are
// INVALID_ARGUMENT. Thread safe; callbacks as in ChunkStore: exactly once, on any thread.
class ObjectStore {
 public:
  using GetCallback = std::function<void(absl::StatusOr<SealedBytes>)>;
  using PutCallback = std::function<void(absl::StatusOr<PutResult>)>;
  using ListCallback = std::function<void(absl::StatusOr<ObjectPage>)>;
  using DoneCallback = std::function<void(absl::Status)>;

  virtual ~ObjectStore() = default;

  // Status codes as in ChunkStore::Get; DATA_LOSS when longer than `max_bytes`.
  virtual void Get(const std::string& name, uint64_t max_bytes, const RequestOptions& options,
                   GetCallback done) = 0;
  // Puts if absent, never replaces. kExisted promises an object of the same size; DATA_LOSS when
  // one of another size is there.
  virtual void Put(const std::string& name, SealedBytes bytes, PutDurability durability,
                   const RequestOptions& options, PutCallback done) = 0;
  // Puts or replaces, durable at once. Only for repair by verified bytes.
  virtual void Replace(const std::string& name, SealedBytes bytes, const RequestOptions& options,
                       DoneCallback done) = 0;
  // Up to `limit` objects whose names start with `prefix` (whole parts, so it ends in '/' or is
  // empty), after the token `from` ("" = the start).
  virtual void List(const std::string& prefix, const std::string& from, size_t limit,
                    const RequestOptions& options, ListCallback done) = 0;
  // Everything put, and everything answered kExisted, before the call is durable after it. Blocks.
  virtual absl::Status Sync() = 0;

  // The chunks that this record names will be read: a store that has to learn where they lie learns
  // it from there, and need not look at every record. Cheap; does not block.
  virtual void Expect(const std::string& record_name) { (void)record_name; }

  virtual std::string Name() const = 0;
};

// INVALID_ARGUMENT unless `name` is an object's name.
absl::Status CheckObjectName(absl::string_view name);

// Blocking forms for tools, opening and tests.
absl::StatusOr<SealedBytes> GetObject(ObjectStore& store, const std::string& name,
                                      uint64_t max_bytes);
absl::StatusOr<PutResult> PutObject(ObjectStore& store, const std::string& name, SealedBytes bytes,
                                    PutDurability durability);
absl::StatusOr<ObjectPage> ListObjects(ObjectStore& store, const std::string& prefix,
                                       const std::string& from, size_t limit);
absl::Status ReplaceObject(ObjectStore& store, const std::string& name, SealedBytes bytes);

}  // namespace floe::store
