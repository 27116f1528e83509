// SPDX-License-Identifier: Apache-2.0
// The chunks of one root of a store: r/<root>/c/<hh>/<id> in an object store.
#pragma once

#include <memory>
#include <string>

#include "store/chunk_store.h"
#include "store/origin/object_store.h"
#include "store/outstanding_calls.h"
#include "store/seal/seal.h"

namespace floe::store {

// Put answers DATA_LOSS when something of another size is stored under the chunk's id
// (StoreHandle::Repair heals it).
class ObjectChunkStore : public ChunkStore {
 public:
  ObjectChunkStore(std::shared_ptr<ObjectStore> objects, const RootId& root);
  ~ObjectChunkStore() override { calls_.WaitUntilNone(); }

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override;
  void Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) override;
  void List(const std::string& from, size_t limit, const RequestOptions& options,
            ListCallback done) override;
  absl::Status Sync() override { return objects_->Sync(); }
  std::string Name() const override;

 private:
  const std::shared_ptr<ObjectStore> objects_;
  const RootId root_;
  OutstandingCalls calls_;
};

}  // namespace floe::store
